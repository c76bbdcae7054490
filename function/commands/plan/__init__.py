"""The dry run of a change: `function plan`."""

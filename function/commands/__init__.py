"""The commands beside the server: `plan`, `adopt` and `images`.

They read files or a control plane, and run the same code as the server. Imports `compose` and
what is below.
"""

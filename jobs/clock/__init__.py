"""The program `vcluster-clock`, which compares Calendars and VClusters with the time."""

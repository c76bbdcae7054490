"""Who may do what in a virtual cluster, and how people log in: the program `vcluster-access`."""

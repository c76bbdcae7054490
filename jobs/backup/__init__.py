"""The program `vcluster-backup`, which takes, keeps and restores backups of virtual clusters."""

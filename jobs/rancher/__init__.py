"""The program `rancher-import`, which brings virtual clusters into Rancher and out again."""

"""The program `rancher-import`: brings a virtual cluster into Rancher, and out again."""

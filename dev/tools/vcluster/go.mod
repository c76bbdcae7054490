module github.com/telekom/function-vcluster/tools/vcluster

go 1.26.4

require github.com/loft-sh/vcluster v0.36.1

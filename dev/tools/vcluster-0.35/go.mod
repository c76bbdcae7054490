module github.com/telekom/function-vcluster/tools/vcluster-0.35

go 1.26.4

require github.com/loft-sh/vcluster v0.35.2

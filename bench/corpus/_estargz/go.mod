module estargz

go 1.25.0

require github.com/containerd/stargz-snapshotter/estargz v0.18.2

// etcd, in a module of its own: it pins other versions of gRPC than Kubernetes does.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}

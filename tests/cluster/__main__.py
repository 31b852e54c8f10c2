"""``python -m tests.cluster``: a cluster to try things on, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from tests.cluster.cluster import own_cluster
from tests.support.cluster_programs import binaries
from tests.support.go_programs import NoGo


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        programs = binaries()
        with (
            tempfile.TemporaryDirectory(prefix="podium-cluster-") as folder,
            own_cluster(programs, Path(folder)) as cluster,
        ):
            print(f"export PATH={programs}:$PATH KUBECONFIG={cluster.kubeconfig}", flush=True)
            print("Ctrl-C stops it; its logs are beside the KUBECONFIG.", file=sys.stderr)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except NoGo as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())

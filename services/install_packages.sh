#!/bin/sh
# Run by the Dockerfile: installs the packages of one lock into /opt/podium, without what no
# service has a use for, and lists them in /opt/podium/sbom.cdx.json (CycloneDX).
set -eu
python=/opt/podium/bin/python

/tools/bin/pip --python "$python" install --no-deps --no-compile --require-hashes \
  --only-binary :all: -r "/requirements/$1.txt"

# What the SDK and the command line alone import; the gateway calls with aiohttp, too.
uninstall="/tools/bin/pip --python $python uninstall --quiet --yes"
$uninstall rich markdown-it-py mdurl pygments
[ "$1" = gateway ] || $uninstall aiohttp aiohappyeyeballs aiosignal frozenlist multidict propcache yarl

# The tests of the packages.
find /opt/podium/lib -type d -name tests -prune -exec rm -r {} +
# Of the Kubernetes client Podium uses the asynchronous half; this is a class for every kind of
# object and for every group of calls of the other.
rm -rf /opt/podium/lib/python3*/site-packages/kubernetes/client/api/*_api.py \
  /opt/podium/lib/python3*/site-packages/kubernetes/client/models/[a-z]*.py

# Compiled here, because a read-only file system cannot keep what would be compiled at each start;
# but not those classes of the asynchronous half, which are loaded when they are used: never.
"$python" -m compileall -q --invalidation-mode unchecked-hash \
  -x '/kubernetes/aio/client/(api|models)/' /opt/podium/lib

/tools/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
  --output-file /opt/podium/sbom.cdx.json "$python"

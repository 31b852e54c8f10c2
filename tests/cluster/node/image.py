"""Container images as archives that containerd imports (OCI image layout 1.0)."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def write_image(archive: Path, name: str, program: Path) -> None:
    """An image with one static program as ``/program``, which is what it runs.

    Args:
        archive: Receives the image.
        name: With tag, such as ``podium.local/pause:1``.
        program: Needs no library and no shell.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        entry = tar.gettarinfo(program, "program")
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o755
        with program.open("rb") as content:
            tar.addfile(entry, content)
    with tarfile.open(archive, "w") as tar:
        layer_blob = _add_blob(tar, LAYER, layer.getvalue())
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/program"], "User": "10001:10001"},
            "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _add_blob(tar, CONFIG, json.dumps(config).encode()),
            "layers": [layer_blob],
        }
        described = _add_blob(tar, MANIFEST, json.dumps(manifest).encode())
        described["annotations"] = {"io.containerd.image.name": name}
        index = {"schemaVersion": 2, "manifests": [described]}
        _add(tar, "index.json", json.dumps(index).encode())
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def _add_blob(tar: tarfile.TarFile, media_type: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    _add(tar, f"blobs/sha256/{digest}", content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))

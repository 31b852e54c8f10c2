"""Files of web servers."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from obstore.store import HTTPStore

from podium.errors import InvalidInput
from podium.storage.download import RemoteFile

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def web_file(url: str, mirror: str | None = None) -> RemoteFile:
    """A file to download over HTTPS; redirections are followed, to HTTPS only.

    Args:
        url: Its address.
        mirror: Base address of a server that has the file under the last part of ``url``:
            ``https://`` or, on this machine, ``http://``; None: ``url`` itself is used.

    Raises:
        InvalidInput: the mirror is not such an address.
    """
    if mirror is not None:
        url = f"{mirror.rstrip('/')}/{url.rpartition('/')[2]}"
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    plain = parts.hostname and not (parts.query or parts.fragment or parts.username)
    if not plain or not (parts.scheme == "https" or local):
        raise InvalidInput("must look like https://host/folder", field="mirror")
    store = HTTPStore(
        f"{parts.scheme}://{parts.netloc}",
        client_options={
            "allow_http": local,
            "connect_timeout": timedelta(seconds=10),
            "read_timeout": timedelta(seconds=30),
            "timeout": timedelta(hours=6),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
    )
    return RemoteFile(store, parts.path.lstrip("/"), url)

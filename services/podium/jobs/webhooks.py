"""Webhooks: Standard Webhooks 1.0.0, only to public addresses of the internet.

The host is resolved once and refused if it is in a private network; the connection goes to exactly
the resolved address. Redirects are not followed. An attempt ends in time, however slowly the other
side sends: time-outs of sockets begin anew with every byte.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import SplitResult, urlsplit

import urllib3
from standardwebhooks import Webhook
from urllib3.exceptions import HTTPError

from podium.errors import Forbidden, InvalidInput
from podium.jobs.environment import Environment
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import deliveries
from podium.jobs.sql.deliveries import Message

_GONE = 410
_MAX_BODY_BYTES = 20_000
_ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of an attempt: a status, or the reason why there is none."""

    status: int | None
    error: str | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the message was accepted."""
        return self.status is not None and 200 <= self.status < 300


def deliver(env: Environment, delivery_id: int) -> None:
    """Try a due delivery, and write the outcome."""
    patience_s = 2 * env.timing.webhook_timeout_s
    message = env.database.write(
        SYSTEM,
        partial(deliveries.take, delivery_id=delivery_id, now=env.now(), patience_s=patience_s),
    )
    if message is None:
        return
    with action(env.log, "deliver", webhook_id=message.webhook_id, delivery=delivery_id) as outcome:
        answer = send(message, env.timing.webhook_timeout_s, allow_private=env.private_webhooks)
        outcome |= {"status": answer.status, "error": answer.error}
        env.database.write(
            SYSTEM,
            partial(
                deliveries.record,
                message=message,
                status=answer.status,
                error=answer.error,
                is_delivered=answer.is_delivered,
                is_gone=answer.status == _GONE,
                now=env.now(),
            ),
        )


def headers_of(message: Message, body: str) -> dict[str, str]:
    """The headers of a message, signed with each valid secret."""
    signatures = [
        Webhook(secret).sign(message.message_id, message.sent_at, body)
        for secret in message.secrets
    ]
    return {
        "content-type": "application/json",
        "user-agent": "Podium-Webhooks",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(message.sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def send(message: Message, timeout_s: float, *, allow_private: bool = False) -> Answer:
    """Post a message once."""
    body = json.dumps(message.body, separators=(",", ":"))
    if len(body) > _MAX_BODY_BYTES:
        return Answer(None, "the message is too large")
    try:
        address = resolve(message.url, allow_private=allow_private)
    except (Forbidden, InvalidInput) as error:
        return Answer(None, error.message)
    parts = urlsplit(message.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = _ascii_host(parts)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    options: dict[str, object] = {"maxsize": 1, "retries": False}
    if parts.scheme == "https":
        options |= {"server_hostname": host, "assert_hostname": host}
        pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(address, port, **options)  # type: ignore[arg-type]
    else:
        pool = urllib3.HTTPConnectionPool(address, port, **options)  # type: ignore[arg-type]
    named = f"[{host}]" if ":" in host else host
    try:
        with pool, _cut_off_after(timeout_s, pool):
            answer = pool.request(
                "POST",
                path,
                body=body.encode(),
                headers={
                    **headers_of(message, body),
                    "host": named if parts.port is None else f"{named}:{parts.port}",
                },
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(total=timeout_s),
            )
            answer.read(_ANSWER_BYTES)
            return Answer(answer.status)
    except (HTTPError, OSError) as error:
        return Answer(None, f"no answer ({type(error).__name__})")


@contextmanager
def _cut_off_after(seconds: float, pool: urllib3.HTTPConnectionPool) -> Iterator[None]:
    """Shut the connections that a pool makes in the block, once the time is over."""
    opened: list[socket.socket] = []
    is_over = threading.Event()

    class Connection(pool.ConnectionCls):  # type: ignore[misc, name-defined]
        def _new_conn(self) -> socket.socket:
            made: socket.socket = super()._new_conn()
            opened.append(made.dup())  # TLS takes the socket itself
            if is_over.is_set():
                shut()
            return made

    def shut() -> None:
        is_over.set()
        for each in opened:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    pool.ConnectionCls = Connection
    timer = threading.Timer(seconds, shut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for each in opened:
            each.close()


def _ascii_host(parts: SplitResult) -> str:
    """The host as DNS, TLS and HTTP have it (IDNA). Raises UnicodeError."""
    return (parts.hostname or "").encode("idna").decode("ascii")


def resolve(url: str, *, allow_private: bool = False) -> str:
    """The IP address to connect to.

    Raises:
        InvalidInput: it is not an address, or its host is unknown.
        Forbidden: the host is on a private network, on this machine, or reserved.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise InvalidInput("is no address", field="webhook_url") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise InvalidInput("must look like https://host/path", field="webhook_url")
    try:
        found = socket.getaddrinfo(_ascii_host(parts), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidInput("has a host that is not known", field="webhook_url") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(_is_public(address) for address in addresses):
        raise Forbidden("webhook_url: leads into a private network")
    return addresses[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            ip = inner
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")

"""Messages between a process and its workers: named arrays, parameters, open files; on a socket.

Bodies are those of the Open Inference Protocol, whose reader does not trust the sender. Nothing is
pickled.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from podium.errors import InvalidInput
from podium.wire import HEADER_LENGTH, InferRequest, Parameter, Tensors, read_request, write_request

_LENGTHS = struct.Struct("<II")  # of the JSON header, of the whole
_MOST_BYTES = 512 << 20
"""Of one message. The index of four million packets takes 160 MB."""

_MOST_JSON_BYTES = 1 << 20
"""Of its header: parsed, JSON may take a hundred times its bytes."""

MOST_DESCRIPTORS = 4
"""Of one question."""

_SHORTEST_S = 1e-3
"""0 would be no time limit, but another mode of the socket."""


@dataclass(frozen=True, slots=True)
class Message:
    """A question or an answer."""

    parameters: Mapping[str, Parameter]
    tensors: Tensors = field(default_factory=dict)
    descriptors: Sequence[int] = ()  # the receiver closes them


def send(peer: socket.socket, message: Message) -> None:
    """Send a message. Raises OSError when the peer has gone."""
    body = write_request(message.tensors, message.parameters)
    whole = sum(len(part) for part in body.parts)
    head = _LENGTHS.pack(int(body.headers.get(HEADER_LENGTH, whole)), whole)
    # Usually all at once, so that the receiver is not woken up for a part of it.
    sent = socket.send_fds(peer, [head, *body.parts], list(message.descriptors))
    for part in (head, *body.parts):
        if sent < len(part):
            peer.sendall(memoryview(part)[sent:])
        sent = max(0, sent - len(part))


def receive(peer: socket.socket, *, descriptors: int = 0, until: float | None = None) -> Message:
    """Wait for a message.

    Args:
        peer: The socket.
        descriptors: How many open files may come along; others are closed.
        until: When it has to be there as a whole, by the monotonic clock; None: at any time.

    Raises:
        EOFError: the peer has gone.
        InvalidInput: what arrived is not a message.
        TimeoutError: it is too late.
    """
    head, files, _, _ = socket.recv_fds(peer, _LENGTHS.size, descriptors)
    try:
        head += _exactly(peer, _LENGTHS.size - len(head), until)
        header, whole = _LENGTHS.unpack(head)
        if header > _MOST_JSON_BYTES or whole > _MOST_BYTES:
            raise InvalidInput("is too long", field="message")
        read = read_request(_exactly(peer, whole, until), str(header))
    except BaseException:
        for file in files:
            os.close(file)
        raise
    return Message(_unreserved(read), read.inputs, files)


def _unreserved(read: InferRequest) -> Mapping[str, Parameter]:
    return {name: value for name, value in read.parameters.items() if name != "binary_data_output"}


def _exactly(peer: socket.socket, count: int, until: float | None) -> bytes:
    body = bytearray(count)
    view, at = memoryview(body), 0
    while at < count:
        if until is not None:
            peer.settimeout(max(until - time.monotonic(), _SHORTEST_S))
        if not (got := peer.recv_into(view[at:])):
            raise EOFError
        at += got
    return bytes(body)

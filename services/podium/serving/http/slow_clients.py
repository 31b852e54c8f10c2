"""Limits for slow clients: how fast a request must arrive and its answer must be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

CLIENT = "podium.client"
"""Key of the client's connection in the scope of a request; the server's protocol sets it."""


@dataclass(frozen=True, slots=True)
class SlowClientLimit:
    """Minimum transfer rate of a client; the head of a request must arrive within one window.

    Attributes:
        window_s: Time over which the rate is measured.
        bytes_per_s: Slower connections are closed.
    """

    window_s: float = 20.0
    bytes_per_s: int = 500

    @property
    def bytes(self) -> float:
        """Least number of bytes per window."""
        return self.window_s * self.bytes_per_s

    @property
    def message(self) -> str:
        """The error for a slower client."""
        return (
            f"the request comes too slowly: its head has to be there within {self.window_s:g} s, "
            f"and its body at {self.bytes_per_s} bytes per second"
        )


class Client(Protocol):
    """The client's side of the connection of a request."""

    slow_client_limit: SlowClientLimit
    too_slow: bool  # the request arrives more slowly than the limit

    def write_buffer_bytes(self) -> int:
        """Size of the write buffer when it is full; 0 while the client keeps up."""

    def abort(self) -> None:
        """Close the connection and drop its write buffer."""

    async def drain(self) -> None:
        """Wait until the write buffer is nearly empty, or the client has gone."""

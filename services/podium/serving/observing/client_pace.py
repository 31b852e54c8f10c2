"""The least that a client has to do: send its request, and take its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

CLIENT = "podium.client"
"""Where the server's protocol puts, into the scope of a request, how its client gets on."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many bytes per second, over so many seconds; the head of a request in that time.

    Attributes:
        window_s: Time over which it is measured.
        bytes_per_s: Slower clients are hung up on.
    """

    window_s: float = 20.0
    bytes_per_s: int = 500

    @property
    def bytes(self) -> float:
        """What has to move in a window."""
        return self.window_s * self.bytes_per_s

    @property
    def message(self) -> str:
        """What is told to a client that is slower."""
        return (
            f"the request comes too slowly: its head has to be there within {self.window_s:g} s, "
            f"and its body at {self.bytes_per_s} bytes per second"
        )


class Client(Protocol):
    """The other side of the connection of a request."""

    pace: Pace
    too_slow: bool  # sends its request more slowly than that

    def untaken_bytes(self) -> int:
        """Bytes of answers that are held here until it takes them; 0 while it keeps up."""

    def hang_up(self) -> None:
        """Close the connection, and drop what it has not taken."""

    async def has_taken(self) -> None:
        """Wait until it has taken nearly all of them, or has gone."""

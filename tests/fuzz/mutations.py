"""Valid bytes and documents with a few mistakes, as broken programs and attackers make them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

_TOKENS = [
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"{",
    b"}",
    b"[",
    b"]" * 100,
    b"[" * 2000,
    b'"',
    b"null",
    b"-1",
    b"1e999",
    b"9" * 30,
    b"NaN",
    b"\xff\xfe",
    b"chunked",
    b"transfer-encoding: chunked\r\n",
    b"content-length: 3\r\n",
    b"connection: upgrade\r\nupgrade: h2c\r\n",
]
_HEAD_BYTES = 1500
"""Half of the mistakes are made here, where long inputs have their headers."""

_WHOLE = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63]
_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        "",
        "a",
        "\0",
        "\n",
        "\ud7ff\U0001f3c3",
        "9" * 400,
        [],
        {},
        [[]],
        {"a": {}},
    ),
    *(0, -0.0, 1, -1, 0.5, 255, 256, 1 << 31, 1 << 53, 1 << 63, -(1 << 63), 1 << 64, 10**400),
    *(5e-324, -5e-324, 1e-300, 1e-12, 1e6, 1e15, 1e150, -1e300, 1.7976931348623157e308),
]


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One of ``seeds`` with up to six pieces cut out, doubled, moved, flipped or overwritten."""
    data = random.choice(seeds)
    for _ in range(random.randint(0, 6)):
        end = len(data) if random.random() < 0.5 else min(len(data), _HEAD_BYTES)
        start = random.randint(0, end)
        stop = min(len(data), start + random.choice([0, 1, 1, 2, 4, 4, 8, random.randint(0, 40)]))
        match random.randrange(5):
            case 0:  # a number in either order of its bytes
                size = random.choice([1, 2, 4, 8])
                order = random.choice(["big", "little"])
                number = random.choice(_WHOLE) % (1 << 8 * size)
                data = data[:start] + number.to_bytes(size, order) + data[start + size :]
            case 1:
                flipped = bytes(byte ^ 1 << random.randrange(8) for byte in data[start:stop])
                data = data[:start] + flipped + data[stop:]
            case _:
                piece = random.choice(
                    [
                        random.choice(_TOKENS),
                        random.randbytes(random.randrange(9)),
                        data[start:stop],
                    ]
                )
                at = random.choice([start, stop, 0, len(data)])
                rest = data if random.random() < 0.5 else data[:start] + data[stop:]
                data = rest[:at] + piece + rest[at:]
    return data


def mutated_document(random: Random, document: Any, values: Sequence[Any] = _VALUES) -> Any:
    """A copy of a JSON document with up to four values exchanged, left out, doubled or added."""
    whole = [copy.deepcopy(document)]
    for _ in range(random.randint(0, 4)):
        holder, key = random.choice(list(_places(whole)))
        match random.randrange(6):
            case 0 if holder is not whole:
                del holder[key]
            case 1 if isinstance(holder, list) and holder is not whole:
                holder.insert(key, copy.deepcopy(holder[key]))
            case 2 if isinstance(holder, dict):
                holder[random.choice(["unknown", "", *holder])] = random.choice(values)
            case _:
                holder[key] = copy.deepcopy(random.choice(values))
    return whole[0]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each list or dictionary with each of its places, depth first."""
    keys = range(len(value)) if isinstance(value, list) else list(value)
    for key in keys:
        yield value, key
        if isinstance(value[key], list | dict):
            yield from _places(value[key])

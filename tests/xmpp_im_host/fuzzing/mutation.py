"""Mutations of conversations: by bytes, by stanzas, cut, repeated and spliced."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from tests.xmpp_im_host.fuzzing.conversations import NASTY, STANZAS

_MOST_BYTES: Final = 600_000


def mutated(random: Random, parts: Sequence[str]) -> list[bytes]:
    """Return a conversation with some faults. The parts are what is written at a time."""
    texts = list(parts)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        by_stanzas(random, texts)
    found = [text.encode("utf-8", "surrogatepass") for text in texts]
    for _ in range(random.choice((0, 1, 1, 2, 8))):
        if found:
            at = random.randrange(len(found))
            found[at] = by_bytes(random, found[at], random.choice(found))
    if random.random() < 0.2 and found:
        last = random.randrange(len(found))
        found = [*found[:last], found[last][: random.randrange(len(found[last]) + 1)]]
    return cut(random, b"".join(found)[:_MOST_BYTES]) if random.random() < 0.5 else found


def by_stanzas(random: Random, texts: list[str]) -> None:
    """Change a list of stanzas: remove, repeat, exchange, insert, nest or break one."""
    at, other = random.randrange(len(texts) + 1), random.randrange(len(texts) + 1)
    match random.randrange(6):
        case 0:
            del texts[at : at + random.randrange(1, 3)]
        case 1:
            texts[at:at] = texts[at : at + 2] * random.choice((1, 2, 100))
        case 2:
            texts[at : at + 1], texts[other : other + 1] = texts[other : other + 1], texts[at : at + 1]
        case 3:
            texts[at:at] = random.choices(STANZAS, k=random.choice((1, 3, 30)))
        case 4 if at < len(texts):
            where = texts[at].find(">") + 1
            texts[at] = texts[at][:where] + random.choice(STANZAS) + texts[at][where:]
        case _ if at < len(texts):
            where = random.randrange(len(texts[at]) + 1)
            texts[at] = texts[at][:where] + random.choice(NASTY) + texts[at][where:]


def by_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    """Change some bytes: flip, insert, remove, repeat or splice."""
    found, at, length = bytearray(data), random.randrange(len(data) + 1), random.choice((1, 2, 8, 40))
    match random.randrange(5):
        case 0 if at < len(found):
            found[at] ^= 1 << random.randrange(8)
        case 1:
            found[at:at] = random.randbytes(length)
        case 2:
            del found[at : at + length]
        case 3:
            found[at:at] = found[at : at + length] * random.choice((1, 2, 500))
        case _:
            start = random.randrange(len(other) + 1)
            found[at : at + random.randrange(length)] = other[start : start + length]
    return bytes(found)


def cut(random: Random, data: bytes) -> list[bytes]:
    """Cut bytes into pieces, which end anywhere."""
    size = random.choice((len(data) // 100, 100, 4_000, len(data))) if len(data) < 10_000 else len(data) // 20
    return [data[at : at + size + 1] for at in range(0, len(data), size + 1)]

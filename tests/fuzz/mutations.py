"""Damage: functions that spoil the bytes of a capture and say where the damage begins."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Final

from tests.fuzz.seeds import Seed

Spoiled = tuple[bytes, int]
"""The damaged bytes, and how many bytes at their front are as they were."""

_LONGEST_RANGE: Final = 300
_EDGES: Final = (
    0, 1, 2, 3, 4, 7, 8, 11, 12, 15, 16, 20, 28, 31, 32, 40, 60, 64, 255, 256, 1500, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
    262_143, 262_144, 262_145, 1_048_576, 1_048_580, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFC, 0xFFFFFFFF,
)  # fmt: skip


def flip_bit(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Flip one bit."""
    place = chance.randrange(len(data))
    return data[:place] + bytes((data[place] ^ 1 << chance.randrange(8),)) + data[place + 1 :], place


def set_bytes(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Overwrite up to eight bytes with random ones."""
    place = chance.randrange(len(data))
    new = chance.randbytes(chance.randint(1, 8))
    return data[:place] + new + data[place + len(new) :], place


def set_edge(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Overwrite one, two or four bytes with a number at which something changes."""
    place = chance.randrange(len(data))
    number = chance.choice(_EDGES).to_bytes(4, chance.choice(("big", "little")))
    new = number[-1:] if chance.random() < 0.3 else number[chance.choice((0, 2)) :]
    return data[:place] + new + data[place + len(new) :], place


def lie_about_length(data: bytes, seed: Seed, chance: random.Random) -> Spoiled:
    """Write another length into the header of a record or block."""
    fields = [place for place in seed.length_fields if place + 4 <= len(data)]
    if not fields:
        return set_edge(data, seed, chance)
    place = chance.choice(fields)
    order = ">I" if seed.big_endian else "<I"
    true = struct.unpack_from(order, data, place)[0]
    nearby = (true + chance.randint(-40, 40)) & 0xFFFFFFFF
    length = chance.choice((nearby, chance.randrange(4096), chance.choice(_EDGES)))
    return data[:place] + struct.pack(order, length) + data[place + 4 :], place


def cut(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """End the file early."""
    place = chance.randrange(len(data))
    return data[:place], place


def remove(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Remove a range."""
    place = chance.randrange(len(data))
    return data[:place] + data[place + chance.randint(1, _LONGEST_RANGE) :], place


def repeat(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Write a range twice."""
    place = chance.randrange(len(data))
    end = place + chance.randint(1, _LONGEST_RANGE)
    return data[:end] + data[place:], min(end, len(data))


def insert_garbage(data: bytes, seed: Seed, chance: random.Random) -> Spoiled:
    """Insert random bytes."""
    place = _boundary(data, seed, chance)
    return data[:place] + chance.randbytes(chance.randint(1, _LONGEST_RANGE)) + data[place:], place


def insert_zeros(data: bytes, seed: Seed, chance: random.Random) -> Spoiled:
    """Insert zero bytes."""
    place = _boundary(data, seed, chance)
    return data[:place] + bytes(chance.randint(1, _LONGEST_RANGE)) + data[place:], place


def zero_range(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Overwrite a range with zeros, as a file system does after a crash."""
    place = chance.randrange(len(data))
    length = min(chance.randint(1, _LONGEST_RANGE), len(data) - place)
    return data[:place] + bytes(length) + data[place + length :], place


def move(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Move a range to another place."""
    start = chance.randrange(len(data))
    moved = data[start : start + chance.randint(1, _LONGEST_RANGE)]
    rest = data[:start] + data[start + len(moved) :]
    place = chance.randint(0, len(rest))
    return rest[:place] + moved + rest[place:], min(start, place)


def random_tail(data: bytes, _: Seed, chance: random.Random) -> Spoiled:
    """Replace everything behind a place by random bytes, often everything behind the file header."""
    place = 24 if chance.random() < 0.5 and len(data) > 24 else chance.randrange(len(data))
    return data[:place] + chance.randbytes(chance.randint(0, 2000)), place


def splice(data: bytes, seed: Seed, chance: random.Random, other: Seed) -> Spoiled:
    """Insert a record of another capture, or go on with the other capture's bytes."""
    place = _boundary(data, seed, chance)
    if chance.random() < 0.5 and other.records:
        start, end = chance.choice(other.records)
        return data[:place] + other.data[start:end] + data[place:], place
    return data[:place] + other.data[chance.randrange(len(other.data)) :], place


Mutation = Callable[[bytes, Seed, random.Random], Spoiled]

MUTATIONS: Final[tuple[Mutation, ...]] = (
    flip_bit, set_bytes, set_edge, lie_about_length, lie_about_length, cut, remove, repeat, insert_garbage,
    insert_zeros, zero_range, move, random_tail,
)  # fmt: skip


def spoil(seed: Seed, others: list[Seed], chance: random.Random) -> Spoiled:
    """Return the seed's bytes with one to four kinds of damage, and where the first of them begins."""
    data, intact = seed.data, len(seed.data)
    for _ in range(chance.choice((1, 1, 1, 1, 2, 2, 3, 4))):
        if not data:
            break
        number = chance.randrange(len(MUTATIONS) + 1)
        if number == len(MUTATIONS):
            data, place = splice(data, seed, chance, chance.choice(others))
        else:
            data, place = MUTATIONS[number](data, seed, chance)
        intact = min(intact, place)
    return data, intact


def _boundary(data: bytes, seed: Seed, chance: random.Random) -> int:
    """Return the beginning of a record half of the time, and any place otherwise."""
    starts = [start for start, _ in seed.records if start <= len(data)]
    if starts and chance.random() < 0.5:
        return chance.choice(starts)
    return chance.randint(0, len(data))

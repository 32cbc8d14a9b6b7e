"""Seeded draws: one independent stream per behaviour and host, buffered because single draws from NumPy are slow."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, TypeVar

import numpy as np

from netsift.simulate.parameters import Between, LogNormal

_BLOCK: Final = 256
NANOSECONDS: Final = 1_000_000_000
Item = TypeVar("Item")


class Draws:
    """A stream of random numbers named by ``key``; streams with different keys are independent.

    The key becomes the spawn key of a NumPy ``SeedSequence``, so that a new behaviour leaves all others as they were.
    """

    __slots__ = ("_generator", "_normals", "_uniforms")

    def __init__(self, seed: int, *key: str | int) -> None:
        spawn_key = tuple(zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key)
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=spawn_key)))
        self._uniforms: list[float] = []
        self._normals: list[float] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._uniforms:
            self._uniforms = self._generator.random(_BLOCK).tolist()
        return self._uniforms.pop()

    def normal(self) -> float:
        """A standard normal number."""
        if not self._normals:
            self._normals = self._generator.standard_normal(_BLOCK).tolist()
        return self._normals.pop()

    def sample(self, distribution: LogNormal | Between) -> float:
        """One value of a distribution from ``parameters``."""
        if isinstance(distribution, Between):
            return distribution.low + (distribution.high - distribution.low) * self.uniform()
        value = distribution.median * math.exp(distribution.sigma * self.normal())
        return min(max(value, distribution.low), distribution.high)

    def count(self, distribution: LogNormal | Between) -> int:
        """One value of a distribution, rounded to a whole number."""
        return round(self.sample(distribution))

    def seconds(self, distribution: LogNormal | Between) -> int:
        """One value of a distribution in seconds, as nanoseconds."""
        return int(self.sample(distribution) * NANOSECONDS)

    def milliseconds(self, distribution: LogNormal | Between) -> int:
        """One value of a distribution in milliseconds, as nanoseconds."""
        return int(self.sample(distribution) * 1_000_000)

    def exponential(self, mean: float) -> float:
        """An exponential number with the given mean."""
        return -mean * math.log(1.0 - self.uniform())

    def integer(self, low: int, high: int) -> int:
        """A whole number in [low, high)."""
        return low + int((high - low) * self.uniform())

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[int(len(items) * self.uniform())]

    def weighted(self, items: Sequence[tuple[Item, float]]) -> Item:
        """One of the items, each as likely as its weight says."""
        sums = list(accumulate(weight for _, weight in items))
        mark = self.uniform() * sums[-1]
        return next(item for (item, _), total in zip(items, sums, strict=True) if mark < total)

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in random order."""
        return [items[index] for index in self._generator.permutation(len(items)).tolist()]

    def octets(self, length: int) -> bytes:
        """``length`` random bytes."""
        return self._generator.bytes(length)

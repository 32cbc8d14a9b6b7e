"""What must hold for every capture, however it is damaged."""

from __future__ import annotations

import random
import time
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.fuzz.mutations import Spoiled, spoil
from tests.fuzz.reading import Reading, read_bytes, read_compressed
from tests.fuzz.seeds import Seed, compressed_seeds, plain_seeds

SLOWEST_CASE_S: Final = 2.0
_SMALLEST_RECORD: Final = 16
_SHARE_IN_PIECES: Final = 0.25
_SHARE_COMPRESSED: Final = 0.03


class BrokenPromiseError(AssertionError):
    """A damaged capture for which something does not hold; the message says what."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A seed and what the reader makes of it while it is good: the packets, and how many each prefix holds."""

    seed: Seed
    good: dict[bool, Reading]
    decoded_until: dict[bool, list[int]]

    def packets_before(self, place: int, *, inner: bool) -> int:
        """Return how many packets are decoded from the records that end at or before ``place``."""
        ends = [end for _, end in self.seed.records]
        return self.decoded_until[inner][bisect_right(ends, place)]


def subject(seed: Seed) -> Subject:
    """Read a good capture, whole and cut behind each of its records."""
    read = read_compressed if seed.wrapper else read_bytes
    good = {inner: read(seed.data, inner=inner) for inner in (False, True)}
    cuts = {
        inner: [0, *(len(read_bytes(seed.data[:end], inner=inner).packets) for _, end in seed.records)]
        for inner in (False, True)
    }
    return Subject(seed, good, cuts)


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged capture: the subject, the damaged bytes, how many bytes in front are good, and how it is read."""

    subject: Subject
    data: bytes
    intact: int
    inner: bool
    piece: int | None


class Fuzzer:
    """Makes damaged captures by number and checks each; the same seed and number give the same case."""

    def __init__(self, seed: int, plain: Sequence[Seed] | None = None) -> None:
        """Read the good captures: all of ``tests.fuzz.seeds`` unless ``plain`` is given."""
        self._seed = seed
        self._plain = [subject(each) for each in (plain_seeds() if plain is None else plain)]
        self._compressed = [subject(each) for each in compressed_seeds()]
        self._others = [each.seed for each in self._plain]

    def case(self, number: int) -> Case:
        """Return one damaged capture."""
        chance = random.Random(self._seed * 1_000_003 + number)
        compressed = chance.random() < _SHARE_COMPRESSED
        chosen = chance.choice(self._compressed if compressed else self._plain)
        data, intact = spoil(chosen.seed, self._others, chance)
        inner = chance.random() < 0.5
        piece = chance.choice((7, 64, 500)) if chance.random() < _SHARE_IN_PIECES and not compressed else None
        return Case(chosen, data, intact, inner, piece)

    def check(self, number: int) -> None:
        """Read one damaged capture. Raises BrokenPromiseError, or whatever the reader raises against its contract."""
        check(self.case(number))


def check(case: Case) -> None:
    """Read a damaged capture and raise BrokenPromiseError when something does not hold."""
    started = time.perf_counter()
    compressed = bool(case.subject.seed.wrapper)
    reading = (read_compressed if compressed else read_bytes)(case.data, inner=case.inner)
    _require(time.perf_counter() - started < SLOWEST_CASE_S, "took too long")
    _check_counts(reading, len(case.data), compressed=compressed)
    _check_prefix(case, reading)
    if case.piece is not None:
        _check_pieces(case, reading)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise BrokenPromiseError(message)


def _check_counts(reading: Reading, size: int, *, compressed: bool) -> None:
    counters = reading.counters
    _require(counters.packets_decoded == len(reading.packets), "decoded packets are not those that came out")
    skipped = sum(counters.skipped.values())
    _require(
        counters.packets_read == counters.packets_decoded + skipped,
        f"{counters.packets_read} packets read are not {counters.packets_decoded} decoded and {skipped} skipped",
    )
    _require(min(counters.skipped.values(), default=1) > 0, "a count is not positive")
    if compressed:
        return
    _require(0 <= counters.garbage_bytes <= size, f"{counters.garbage_bytes} bytes of garbage in {size}")
    _require(counters.packets_decoded * _SMALLEST_RECORD <= size, "more packets than fit")
    _require(counters.packets_read <= 1 + size // 12, "more records than fit")


def _check_prefix(case: Case, reading: Reading) -> None:
    good = case.subject.good[case.inner].packets
    count = _packets_due(case)
    _require(
        reading.packets[:count].tobytes() == good[:count].tobytes(),
        f"the {count} packets before the damage at byte {case.intact} are not the same"
        f" ({len(reading.packets)} came, refused: {reading.refused!r})",
    )


def _packets_due(case: Case) -> int:
    """Return how many packets lie whole before the damage."""
    seed = case.subject.seed
    if not seed.wrapper:
        return case.subject.packets_before(case.intact, inner=case.inner)
    if seed.wrapper == "gzip":
        return len(read_bytes(_inflate(seed.data[: case.intact]), inner=case.inner).packets)
    return 0  # these zstd files are one block, and nothing of a broken block can be trusted


def _inflate(data: bytes) -> bytes:
    result = b""
    while data:
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        result += member.decompress(data)
        data = member.unused_data
    return result


def _check_pieces(case: Case, whole: Reading) -> None:
    assert case.piece is not None
    pieces = read_bytes(case.data, case.piece, inner=case.inner)
    _require(pieces.refused == whole.refused, "refused or not, as the bytes come")
    _require(pieces.counts() == whole.counts(), f"{case.piece} bytes at a time: {pieces.counts()} not {whole.counts()}")
    _require(pieces.packets.tobytes() == whole.packets.tobytes(), f"other packets when {case.piece} bytes at a time")


@dataclass(frozen=True, slots=True)
class Recovery:
    """How many of the packets behind single damaged records were found again."""

    due: int
    found: int

    @property
    def share(self) -> float:
        """Return found by due."""
        return self.found / self.due if self.due else 1.0


def measure_recovery(seed: Seed, cases: int, random_seed: int) -> Recovery:
    """Spoil one record at a time, and count the packets behind it that come out as from the good capture."""
    whole = subject(seed)
    good = whole.good[False].packets
    chance = random.Random(random_seed)
    due = found = 0
    for _ in range(cases):
        start, end = chance.choice(seed.records)
        data, _ = spoil_record(seed, start, end, chance)
        came = read_bytes(data).packets
        behind = len(good) - whole.packets_before(end, inner=False)
        due += behind
        found += _common_tail(good, came, behind)
    return Recovery(due, found)


def spoil_record(seed: Seed, start: int, end: int, chance: random.Random) -> Spoiled:
    """Damage bytes of one record only: its lengths, a bit, a few bytes, or all of its header."""
    data = bytearray(seed.data)
    kind = chance.randrange(4)
    if kind == 0:
        lengths = [place for place in seed.length_fields if start <= place < end]
        place = chance.choice(lengths)
        data[place : place + 4] = chance.randrange(1 << chance.choice((8, 12, 16, 18, 32))).to_bytes(
            4, "big" if seed.big_endian else "little"
        )
    elif kind == 1:
        place = chance.randrange(start, end)
        data[place] ^= 1 << chance.randrange(8)
    elif kind == 2:
        place = chance.randrange(start, end)
        new = chance.randbytes(min(chance.randint(1, 16), end - place))
        data[place : place + len(new)] = new
    else:
        place = start
        data[start : start + 16] = chance.choice((bytes(16), b"\xff" * 16, chance.randbytes(16)))
    return bytes(data), place


def _common_tail(good: object, came: object, most: int) -> int:
    count = 0
    while count < most and count < len(came) and good[-1 - count] == came[-1 - count]:  # type: ignore[index,arg-type]
        count += 1
    return count

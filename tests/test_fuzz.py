"""Damaged captures: nothing breaks, nothing good in front of the damage is lost, and most behind it is found again."""

from __future__ import annotations

import io
import random
import struct
import time
from pathlib import Path

import numpy as np
import pytest

import netsift
from netsift.cli.detect import default_model
from netsift.detectors.model import ModelDetector
from netsift.errors import InputError
from netsift.flows.columns import arrow_schema
from netsift.flows.settings import MeterSettings
from netsift.flows.writers.csv import CsvWriter
from netsift.models.bundle import load_bundle
from netsift.sources.captures import CaptureSettings
from tests.fuzz import frames
from tests.fuzz.__main__ import check_range
from tests.fuzz.mutations import MUTATIONS
from tests.fuzz.oracle import Fuzzer, measure_recovery
from tests.fuzz.reading import read_bytes
from tests.fuzz.seeds import Builder, Seed, compressed_seeds, pcap, pcapng, plain_seeds

CASES_PER_TEST = 2600
RANDOM_SEEDS = range(100, 108)
LARGE = 4_000_000
SLOWEST_LARGE_S = 10.0


@pytest.mark.parametrize("random_seed", RANDOM_SEEDS)
def test_damaged_captures_keep_every_promise(random_seed: int) -> None:
    failure = check_range((random_seed, 0, CASES_PER_TEST))
    assert failure is None, f"python -m tests.fuzz --seed {random_seed} --start {failure[0]} --count 1\n{failure[1]}"


def test_twenty_thousand_cases_are_checked() -> None:
    assert CASES_PER_TEST * len(RANDOM_SEEDS) >= 20_000


def test_the_same_seed_makes_the_same_damage() -> None:
    first, second = Fuzzer(3), Fuzzer(3)
    assert [first.case(number).data for number in range(50)] == [second.case(number).data for number in range(50)]


def test_the_seeds_are_good_captures() -> None:
    seeds = plain_seeds()
    assert len({seed.data for seed in seeds}) == len(seeds)
    for seed in seeds:
        reading = read_bytes(seed.data)
        assert not reading.counters.problems, seed.name
        assert reading.counters.packets_read == len(seed.records), seed.name
    assert {seed.wrapper for seed in compressed_seeds()} == {"gzip", "zstd"}


@pytest.mark.parametrize("mutation", dict.fromkeys(MUTATIONS), ids=lambda mutation: mutation.__name__)
def test_what_lies_before_the_damage_is_as_it_was(mutation: object) -> None:
    seed = pcap("conversation", frames.conversation(12))
    chance = random.Random(1)
    assert callable(mutation)
    for _ in range(200):
        data, intact = mutation(seed.data, seed, chance)
        assert data[:intact] == seed.data[:intact]


def _recovery_seeds() -> list[Seed]:
    packets = frames.conversation(40)
    return [make(f"{make.__name__}{order}", packets, order=order) for make in (pcap, pcapng) for order in ("<", ">")]


@pytest.mark.parametrize("seed", _recovery_seeds(), ids=lambda seed: seed.name)
def test_packets_behind_a_damaged_record_are_found_again(seed: Seed) -> None:
    recovery = measure_recovery(seed, 1000, random_seed=5)
    assert recovery.due > 10_000
    assert recovery.share > 0.995


def test_a_capture_inside_a_packet_is_no_reason_to_doubt_the_packet() -> None:
    inner = pcap("inner", frames.conversation(12)).data
    packets = [*frames.conversation(3), (frames.ETHERNET, frames.ethernet(frames.ipv4(frames.tcp(inner), 6)))]
    seed = pcap("outer", packets + frames.conversation(5))
    start = seed.records[4][0]
    data = seed.data[:start] + bytes(16) + seed.data[start + 16 :]
    good, damaged = read_bytes(seed.data).packets, read_bytes(data).packets
    assert damaged[:4].tobytes() == good[:4].tobytes()
    assert damaged[-4:].tobytes() == good[-4:].tobytes()


def test_an_interface_without_a_link_type_is_no_division_by_zero() -> None:
    builder = Builder("<")
    builder.section()
    builder.block(1, b"\x01\x00\x00\x00")
    builder.enhanced_packet(0, frames.conversation(1)[0][1])
    assert read_bytes(bytes(builder.data)).counters.skipped == {"unsupported_link_type": 1}


def test_a_wrong_length_at_the_end_of_a_block_loses_no_packet() -> None:
    seed = pcapng("conversation", frames.conversation(6))
    end = seed.records[2][1]
    data = seed.data[: end - 4] + b"\xff\xff\xff\xff" + seed.data[end:]
    reading = read_bytes(data)
    assert reading.packets.tobytes() == read_bytes(seed.data).packets.tobytes()
    assert reading.counters.packets_read == 6
    assert reading.counters.problems == ["bytes: damaged: 1 wrong length (read nevertheless)"]


def _tiresome() -> dict[str, bytes]:
    """Return large inputs of the kinds that make a search for the next record slow where it is done carelessly."""
    header = pcap("header", frames.conversation(1)).data[:24]
    section = pcapng("header", frames.conversation(1)).data[:28]
    plausible = struct.pack("<IIII", 5, 5, 5, 5)
    lying = struct.pack("<IIII", 5, 5, 200_000, 200_000)
    open_block = struct.pack("<II", 6, 1 << 20)
    return {
        "zeros": header + bytes(LARGE),
        "ones": header + b"\x01\0\0\0" * (LARGE // 4),
        "fives": header + b"\xff" * 16 + b"\x05\0\0\0" * (LARGE // 4),
        "headers": header + plausible * (LARGE // 16),
        "lying headers": header + lying * (LARGE // 16),
        "random": header + random.Random(1).randbytes(LARGE),
        "pcapng zeros": section + bytes(LARGE),
        "pcapng random": section + random.Random(2).randbytes(LARGE),
        "pcapng open blocks": section + open_block * (LARGE // 8),
        "pcapng sections": section + section * (LARGE // 28),
        "pcapng magic": section + b"\x0a\x0d\x0d\x0a" * (LARGE // 4),
    }


@pytest.mark.parametrize("name", _tiresome())
def test_no_input_makes_the_reader_slow(name: str) -> None:
    data = _tiresome()[name]
    read_bytes(data[:1000])
    started = time.perf_counter()
    reading = read_bytes(data)
    assert time.perf_counter() - started < SLOWEST_LARGE_S
    counters = reading.counters
    assert counters.packets_read == counters.packets_decoded + sum(counters.skipped.values())


@pytest.mark.parametrize("random_seed", range(3))
def test_damaged_captures_become_flows_and_findings_or_a_sentence(random_seed: int, tmp_path: Path) -> None:
    fuzzer, path = Fuzzer(random_seed), tmp_path / "damaged.pcap"
    detector = ModelDetector(load_bundle(default_model()))
    settings = CaptureSettings(meter=MeterSettings(max_flows=64, first_packets=3), threads=1)
    file = io.BytesIO()
    rows = read = 0
    refusals = set()
    for number in range(150):
        path.write_bytes(fuzzer.case(number).data)
        writer = CsvWriter(file, arrow_schema())
        try:
            for batch in netsift.read_flows(path, settings):
                writer.write(batch)
                assert np.isfinite(detector.score(batch).score).all()
                rows += batch.num_rows
            read += 1
        except InputError as error:
            refusals.add(str(error).startswith(str(path)))
    assert read > 50
    assert refusals == {True}
    assert file.getvalue().count(b"\n") >= rows > 0

"""What goes wrong is said in one sentence with the right exit status, and leaves nothing half-written behind."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import netsift
from tests.cli.running import Program, Run, finish, leftovers, start
from tests.conftest import shared_captures
from tests.fuzz import frames
from tests.fuzz.seeds import pcap, pcapng

GOOD = pcap("good", frames.conversation(12)).data
SMALL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system has no such limit or device")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of the test's own, with a good capture."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.pcap").write_bytes(GOOD)
    return tmp_path


def refused(done: Run, status: int, sentence: str) -> None:
    """Assert that a run ended with one sentence, nothing on standard output and no traceback."""
    assert done.errors.strip() == f"netsift: {sentence}"
    assert done.output == b""
    assert done.status == status


def packets(path: Path) -> int:
    """Return the number of packets in a file of flows."""
    rows = (row for batch in netsift.read_flows(path) for row in batch.to_pylist())
    return sum(row["packets_fwd"] + row["packets_bwd"] for row in rows)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "bad: the file is empty"),
        (b"hello world", "bad: is not a pcap or pcapng capture (it begins with 68 65 6c 6c 6f 20 77 6f)"),
        (GOOD[:20], "bad: the pcap file ends within its header"),
        (b"PK\x03\x04" + bytes(30), "bad: is a zip archive, not a pcap or pcapng capture"),
        (b"snoop\0\0\0" + bytes(30), "bad: is a Solaris snoop capture, not a pcap or pcapng capture"),
        (gzip.compress(b"", mtime=0), "bad: the file is empty"),
        (gzip.compress(GOOD, mtime=0)[:5], "bad: the gzip data ends early"),
        (b"\x1f\x8b" + bytes(20), "bad: the gzip data is broken"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "bad: the zstd data is cut or broken"),
    ],
)
def test_what_is_no_capture_is_refused_with_the_reason(
    run: Program, place: Path, content: bytes, sentence: str
) -> None:
    (place / "bad").write_bytes(content)
    refused(run("flows", "bad", "-o", "flows.csv"), 1, sentence)
    assert not (place / "flows.csv").exists()
    assert leftovers(place) == []


def test_inputs_that_are_not_there(run: Program, place: Path) -> None:
    (place / "empty").mkdir()
    refused(run("flows", "missing.pcap"), 1, "missing.pcap: no such file")
    refused(run("flows", "empty"), 1, "empty: the directory holds no files")
    refused(run("flows", "missing.csv"), 1, "missing.csv: no such file")


def test_an_input_that_may_not_be_read(run: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(name: str) -> None:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("netsift.capture.streams.io.FileIO", deny)
    refused(run("flows", "good.pcap"), 1, "good.pcap: Permission denied")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "flows.txt"], "flows.txt: the suffix must be one of .csv, .jsonl, .ndjson, .arrow, .feather, .parquet"),
        (["--format", "xml"], "--format must be one of arrow, csv, jsonl, parquet, not 'xml'"),
        (["--tunnels", "both"], "--tunnels must be outer or inner, not 'both'"),
        (["--threads", "3"], "threads must be 1 or 2, not 3"),
        (["--max-flows", "1"], "max_flows must lie between 16 and 100000000, not 1"),
        (["--idle-timeout", "nan"], "the idle timeout must lie between 0 and 2592000 seconds, not nan"),
    ],
)
def test_wrong_values(run: Program, place: Path, arguments: list[str], sentence: str) -> None:
    refused(run("flows", "good.pcap", *arguments), 2, sentence)
    assert [path.name for path in place.iterdir()] == ["good.pcap"]


def test_unknown_columns(run: Program) -> None:
    done = run("flows", "good.pcap", "--columns", "src_ip,colour")
    assert done.status == 2
    assert done.errors.startswith("netsift: unknown column 'colour': give a dialect")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["flows"], "Missing argument"),
        (["flows", "good.pcap", "--colour"], "No such option: --colour"),
        (["flows", "good.pcap", "--threads", "many"], "Invalid value for '--threads'"),
        (["flow"], "No such command 'flow'"),
    ],
)
def test_wrong_arguments(run: Program, arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert (done.status, done.output) == (2, b"")
    assert words in done.errors
    assert "Traceback" not in done.errors


def test_a_cut_file_keeps_its_rows(run: Program, place: Path) -> None:
    (place / "cut.pcap").write_bytes(GOOD[:-10])
    done = run("flows", "cut.pcap", "-o", "flows.parquet", "--stats", "counts.json")
    refused(done, 3, "cut.pcap: damaged: 1 truncated record")
    assert packets(place / "flows.parquet") == 11
    counts = json.loads((place / "counts.json").read_text())
    assert (counts["packets_read"], counts["packets_metered"], counts["packets_skipped"]) == (
        12, 11, {"truncated_record": 1},
    )  # fmt: skip


def test_garbage_in_the_middle_keeps_the_rest(run: Program, place: Path) -> None:
    middle = pcap("good", frames.conversation(12)).records[6][0]
    (place / "garbage.pcap").write_bytes(GOOD[:middle] + b"\xff" * 100 + GOOD[middle:])
    done = run("flows", "garbage.pcap", "-q", "-o", "flows.csv")
    refused(done, 3, "garbage.pcap: damaged: 100 bytes of garbage")
    assert packets(place / "flows.csv") == 12


@pytest.mark.parametrize("wrapper", ["gzip", "zstd"])
def test_a_cut_compressed_file_keeps_what_came(run: Program, place: Path, wrapper: str) -> None:
    import pyarrow as pa

    long = pcap("long", [(link_type, frame + bytes(900)) for link_type, frame in frames.conversation(800)]).data
    data = gzip.compress(long, mtime=0) if wrapper == "gzip" else pa.Codec("zstd").compress(long, asbytes=True)
    (place / "cut").write_bytes(data[: len(data) * 3 // 4])
    done = run("flows", "cut", "-q", "-o", "flows.csv")
    assert done.status == 3
    assert done.errors.startswith("netsift: cut: damaged: the ")
    assert packets(place / "flows.csv") > 100


def test_one_good_and_one_bad_input(run: Program, place: Path) -> None:
    (place / "bad.pcap").write_bytes(b"no capture at all")
    done = run("flows", "good.pcap", "bad.pcap", "missing.pcap", "-q", "-o", "flows.csv")
    assert done.status == 3
    assert packets(place / "flows.csv") == 12
    assert [line.split(": ")[1] for line in done.errors.splitlines()] == ["bad.pcap", "missing.pcap"]


def test_an_empty_result_is_said_aloud(run: Program, place: Path) -> None:
    (place / "empty.pcap").write_bytes(GOOD[:24])
    wireless = [(frames.WIRELESS, b"\x08\0" + bytes(30))] * 3
    (place / "wireless.pcap").write_bytes(pcap("wireless", wireless).data)
    done = run("flows", "empty.pcap", "-q", "-o", "flows.csv")
    refused(done, 0, "no flows: the input holds no packets")
    assert (place / "flows.csv").read_text().startswith("start_time,")
    done = run("flows", "wireless.pcap", "-q", "-o", "flows.csv")
    refused(
        done, 0,
        "no flows: none of the 3 packets can be metered (IEEE 802.11 wireless frames are not supported)",
    )  # fmt: skip


def test_outputs_that_cannot_be_written(run: Program, place: Path) -> None:
    (place / "folder.csv").mkdir()
    refused(
        run("flows", "good.pcap", "-q", "-o", "missing/flows.csv"), 1,
        "missing/flows.csv: cannot be written: No such file or directory",
    )  # fmt: skip
    refused(run("flows", "good.pcap", "-q", "-o", "folder.csv"), 1, "folder.csv: is a directory")
    done = run("flows", "good.pcap", "--stats", "missing/counts.json", "-o", "flows.csv")
    refused(done, 1, "missing/counts.json: cannot be written: No such file or directory")


@linux
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "arrow", "parquet"])
def test_a_full_disk_leaves_no_file(place: Path, suffix: str) -> None:
    (place / f"flows.{suffix}").write_text("from an earlier run")
    done = finish(start("flows", "good.pcap", "-q", "-o", f"flows.{suffix}", limit=SMALL_DISK))
    refused(done, 1, f"flows.{suffix}: cannot be written: File too large")
    assert (place / f"flows.{suffix}").read_text() == "from an earlier run"
    assert leftovers(place) == []


@linux
@pytest.mark.usefixtures("place")
def test_a_full_device_behind_standard_output() -> None:
    with Path("/dev/full").open("wb") as full:
        code = "from netsift.cli.main import main; main()"
        command = [sys.executable, "-c", code, "flows", "good.pcap", "-q"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["netsift: input or output: No space left on device"]


def test_no_output_destroys_an_input_or_another_output(run: Program, place: Path) -> None:
    refused(run("flows", "good.pcap", "-q", "-o", "./good.pcap", "--format", "csv"), 2,
            "good.pcap would overwrite good.pcap: name another output")  # fmt: skip
    refused(run("flows", "good.pcap", "-o", "x.csv", "--stats", "x.csv"), 2,
            "x.csv would overwrite x.csv: name another output")  # fmt: skip
    assert (place / "good.pcap").read_bytes() == GOOD
    assert [path.name for path in place.iterdir()] == ["good.pcap"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("flows", "day", "-q", "-o", "OUT"),
        ("flows", "day", "-q", "-o", "flows.csv", "--stats", "OUT"),
        ("detect", "day", "-q", "-o", "OUT"),
        ("label", "day", "--rules", "rules.toml", "-o", "OUT"),
        ("train", "day", "-o", "OUT"),
        ("evaluate", "--benign", "day", "--json", "OUT"),
    ],
)
def test_no_output_destroys_or_becomes_a_file_of_an_input_folder(
    run: Program, place: Path, arguments: tuple[str, ...]
) -> None:
    (place / "day" / "night").mkdir(parents=True)
    for name in ("day/a.pcap", "day/night/b.pcap"):
        (place / name).write_bytes(GOOD)
    (place / "linked.csv").write_bytes(GOOD)
    (place / "day" / "c.pcap").symlink_to("../linked.csv")
    before = sorted(place.rglob("*"))
    for output, reason in (
        ("day/a.pcap", "would overwrite day/a.pcap"),
        ("day/night/../night/b.pcap", "would overwrite day/night/b.pcap"),
        ("linked.csv", "would overwrite day/c.pcap"),
        ("day/x.csv", "is in the input folder day, of which every file is read"),
        ("day/night/x.json", "is in the input folder day, of which every file is read"),
    ):
        asked = [output if word == "OUT" else word for word in arguments]
        refused(run(*asked), 2, f"{output} {reason}: name another output")
    assert sorted(place.rglob("*")) == before


def test_an_output_beside_an_input_folder_is_written(run: Program, place: Path) -> None:
    (place / "day").mkdir()
    (place / "day" / "a.pcap").write_bytes(GOOD)
    for output in ("day.csv", "day/.flows.csv"):
        for _ in range(2):
            assert run("flows", "day", "-q", "-o", output).status == 0
        assert packets(place / "good.pcap") == packets(place / output)


def test_counts_that_cannot_be_written_are_refused_before_any_flow_is(run: Program, place: Path) -> None:
    done = run("flows", "good.pcap", "-q", "-o", "flows.csv", "--stats", "missing/counts.json")
    refused(done, 1, "missing/counts.json: cannot be written: No such file or directory")
    assert not (place / "flows.csv").exists()


def without_override(*arguments: str) -> Run:
    """Run the program such that permissions hold for it even when the tests run as root."""
    drop = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    command = [*drop, sys.executable, "-m", "netsift", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return Run(done.returncode, done.stdout, done.stderr.decode())


@linux
def test_a_folder_that_may_not_be_listed_or_written(place: Path) -> None:
    (place / "closed").mkdir(mode=0o000)
    refused(without_override("flows", "closed"), 1, "closed: Permission denied")
    done = without_override("flows", "good.pcap", "-o", "closed/flows.csv")
    refused(done, 1, "closed/flows.csv: Permission denied")


def test_the_first_run_says_that_it_compiles() -> None:
    process = start("flows", "good.pcap", limit="import os; os.environ['NETSIFT_CACHE_DIRECTORY'] = 'empty'")
    assert process.stderr is not None
    assert process.stderr.readline() == b"netsift: first run: compiling, which takes half a minute, once\n"
    process.kill()
    process.communicate()


@linux
def test_a_device_is_written_in_place(run: Program) -> None:
    assert run("flows", "good.pcap", "-q", "--format", "csv", "-o", "/dev/null").status == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGINT, 130, "netsift: interrupted\n"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_leaves_no_file(place: Path, number: int, status: int, said: str) -> None:
    process = start("flows", "-", "-q", "-o", "flows.csv", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(GOOD)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not leftovers(place) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=240) == status
    process.stdin.close()
    assert process.stderr is not None
    assert process.stderr.read().decode() == said
    process.stderr.close()
    assert process.stdout is not None
    process.stdout.close()
    assert [path.name for path in place.iterdir()] == ["good.pcap"]


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe shows another way there")
def test_a_reader_that_goes_away_is_nothing_to_talk_about(place: Path) -> None:
    several = [frames.ethernet(frames.ipv4(frames.udp(port=port))) for port in range(3000)]
    (place / "many.pcapng").write_bytes(pcapng("many", [(frames.ETHERNET, frame) for frame in several]).data)
    process = start("flows", "many.pcapng", "-q")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"start_time,")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=240) == 0


def test_reading_that_stops_in_the_middle_keeps_the_rows(
    run: Program, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FailingFile(io.FileIO):
        def readinto(self, target: Any, /) -> int | None:
            if self.tell() >= 1000:
                raise OSError(5, "Input/output error")
            return super().readinto(memoryview(target)[: 1000 - self.tell()])

    monkeypatch.setattr("netsift.capture.streams.io.FileIO", FailingFile)
    done = run("flows", "good.pcap", "-q", "-o", "flows.csv", "--threads", "1")
    assert done.status == 3
    assert "good.pcap: damaged: reading stopped: Input/output error" in done.errors
    monkeypatch.undo()
    assert packets(place / "flows.csv") > 5


def test_every_odd_capture_is_read_or_refused_with_a_reason() -> None:
    from tools.odd_captures import outcome

    outcomes = [outcome(path) for path in shared_captures("pcap-odd")]
    assert len(outcomes) == 935
    assert {each.status for each in outcomes} <= {0, 1, 3}
    for each in outcomes:
        assert bool(each.problem) == (each.status != 0)
        assert each.packets_read == each.packets_metered + sum(each.skipped.values())

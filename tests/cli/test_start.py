"""What a command loads before it does anything: the start-up that everybody waits for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.flows.traffic import busy
from tests.flows.writing import pcap

HEAVY = (
    "pandas",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pyarrow.csv",
    "scipy.linalg",
    "sklearn",
    "onnxruntime",
    "cryptography",
)
LOADED = """
import sys
from netsift.cli.main import main
try:
    main()
except SystemExit:
    print(*sorted(set(sys.modules) & set(sys.argv[-1].split(","))), file=sys.stderr)
"""


def loaded(*arguments: str) -> str:
    """Return which of the heavy modules a command has loaded when it ends."""
    command = [sys.executable, "-c", LOADED.replace("sys.argv[-1]", repr(",".join(HEAVY))), *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return done.stderr.strip()


def test_a_capture_into_an_arrow_file_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap(busy(50)))
    assert loaded("flows", str(path), "-o", str(tmp_path / "flows.arrow"), "--quiet") == ""


def test_help_loads_no_library_at_all() -> None:
    assert loaded("--help") == ""

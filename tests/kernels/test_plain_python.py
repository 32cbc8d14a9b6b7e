"""The kernels are plain Python as well: without compilation they give the same rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.flows.traffic import busy
from tests.flows.writing import pcap, pcapng


@pytest.mark.parametrize("pack", [pcap, pcapng])
def test_rows_without_compilation(pack: type, tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    path.write_bytes(pack(busy(60)))
    command = [sys.executable, "-W", "ignore", "-m", "netsift", "flows", str(path), "--quiet", "--tunnels", "inner"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    compiled = subprocess.run(command, env=environment, capture_output=True, check=True)
    plain = subprocess.run(command, env=environment | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, check=False)
    assert plain.returncode == 0, plain.stderr.decode()
    assert plain.stdout == compiled.stdout
    assert plain.stdout.count(b"\n") > 10

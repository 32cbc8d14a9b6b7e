"""The unit for systemd is one, and leaves little exposed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "deploy" / "netsift.service"
PROGRAM = "/opt/netsift/bin/netsift"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


def analyse(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Return what systemd-analyze says."""
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_systemd_takes_every_line_of_the_unit(tmp_path: Path) -> None:
    # The program is not where the unit has it, which is all that may be wrong.
    unit = tmp_path / "netsift.service"
    unit.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    said = analyse("verify", unit)
    assert (said.returncode, said.stderr.strip()) == (0, "")
    unit.write_text(unit.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    assert "NoNewPrivilege" in analyse("verify", unit).stderr, "a misspelt line would be seen"


def test_the_unit_exposes_no_more_than_is_said() -> None:
    found = re.search(
        r"exposure level for netsift.service: ([0-9.]+)", analyse("security", "--offline=yes", UNIT).stdout
    )
    if found is None:
        pytest.skip("this systemd judges no unit that is not installed (version 250 and later do)")
    promised = re.search(r"exposure as ([0-9.]+) of 10", (ROOT / "docs" / "web.md").read_text())
    assert promised is not None
    assert float(found[1]) <= float(promised[1]) + 0.2, "later versions of systemd know more to count"

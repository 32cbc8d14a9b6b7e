"""Output files are on the disk before they have their names, as the system's own record of the calls shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path
from netsift.files import whole_file
with whole_file(Path(sys.argv[1]), passing=sys.argv[2] == "passing") as temporary:
    temporary.write_text("content")
"""
CALL = re.compile(r"(write|fsync|rename\w*)\((.*)\) += ")


def calls(path: Path, word: str) -> list[str]:
    """Return what is done to a file and its folder, in order."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    record = path.parent / "calls"
    traced = ["strace", "-f", "-y", "-e", "trace=write,fsync,rename,renameat,renameat2", "-o", str(record)]
    command = [*traced, sys.executable, "-c", SCRIPT, str(path), word]
    done = subprocess.run(command, capture_output=True, check=False)
    if b"PTRACE" in done.stderr:
        pytest.skip("nothing may be traced here")
    assert done.returncode == 0, done.stderr
    found = []
    for name, words in (match.groups() for match in CALL.finditer(record.read_text())):
        if "/.whole." in words:
            found.append(name)
        elif name == "fsync" and words.endswith(f"<{path.parent}>"):
            found.append("fsync of the folder")
    return found


def test_content_and_name_are_waited_for(tmp_path: Path) -> None:
    assert calls(tmp_path / "whole", "lasting") == ["write", "fsync", "rename", "fsync of the folder"]


def test_what_passes_is_not_waited_for(tmp_path: Path) -> None:
    assert calls(tmp_path / "whole", "passing") == ["write", "rename"]

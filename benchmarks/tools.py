"""The command lines that are measured. All of them read files and write files; none opens a network connection."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

NETSIFT: Final = str(Path(sys.executable).with_name("netsift"))
NFSTREAM: Final = "NFStream"
SOFTFLOWD: Final = "softflowd"
NFPCAPD: Final = "nfpcapd"
TCPDUMP: Final = "tcpdump"
PEERS: Final = (NFSTREAM, SOFTFLOWD, NFPCAPD, TCPDUMP)


def present_peers() -> tuple[str, ...]:
    """Return the peers that are installed here."""
    return tuple(
        name
        for name in PEERS
        if (importlib.util.find_spec("nfstream") if name == NFSTREAM else shutil.which(name)) is not None
    )


def netsift(capture: Path, *options: str, threads: int = 1) -> list[str]:
    """All columns of a capture into an Arrow file."""
    return [NETSIFT, "flows", str(capture), "-o", "flows.arrow", "--quiet", "--threads", str(threads), *options]


def netsift_detect(capture: Path, *options: str) -> list[str]:
    """The incidents of a capture into a file."""
    return [NETSIFT, "detect", str(capture), "-o", "alerts.jsonl", "--quiet", "--no-suppressions", *options]


def peer(name: str, capture: Path, most_flows: int = 1_000_000) -> list[str]:
    """The peer's command for a capture, nothing dropped for want of room."""
    commands: dict[str, Sequence[str]] = {
        NFSTREAM: (sys.executable, str(Path(__file__).with_name("nfstream_flows.py")), str(capture)),
        # Without a collector (-n) it meters and sends nothing; the control socket would keep it from starting.
        SOFTFLOWD: (SOFTFLOWD, "-d", "-6", "-r", str(capture), "-m", str(most_flows), "-p", "none", "-c", "none"),
        NFPCAPD: (NFPCAPD, "-r", str(capture), "-w", "."),
        TCPDUMP: (TCPDUMP, "-r", str(capture), "-w", "/dev/null"),
    }
    return list(commands[name])

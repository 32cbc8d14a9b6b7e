"""A network of its own for a test: two ends of a cable in a namespace, and traffic sent into one of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from netsift.kernels.jit import cache_directory
from tests.conftest import ROOT
from tests.naive import Record

SENDS: Final = "sends0"
RECEIVES: Final = "receives0"
PATIENCE_S: Final = 60.0
"""How long a test waits for what happens at once on a machine that has nothing else to do."""


@dataclass(frozen=True)
class Network:
    """A network namespace with a pair of connected interfaces and nobody who sends by himself."""

    name: str

    def command(self, *words: object) -> list[str]:
        """Return a command line that runs within the namespace."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, *words: object) -> str:
        """Run a program within the namespace and return what it says."""
        return subprocess.run(self.command(*words), check=True, capture_output=True, text=True).stdout

    def python(self, *words: object) -> subprocess.Popen[bytes]:
        """Start this Python within the namespace."""
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        return subprocess.Popen(
            self.command(sys.executable, *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment, cwd=ROOT,
        )  # fmt: skip

    def send(self, capture: Path, *options: str) -> None:
        """Send the packets of a capture with tcpreplay."""
        self.run("tcpreplay", "-q", "-i", SENDS, *options, capture)

    def open_python(self, *words: object) -> subprocess.Popen[bytes]:
        """Start this Python as :meth:`python` does, where every user could read it and what it has compiled.

        If these lie in a folder that only root may enter, that is another folder for the process, with only them in it.
        """
        paths = [Path(sys.base_prefix).resolve(), Path(sys.prefix), ROOT, *filter(None, [cache_directory()])]
        closed = {path: folder for path in paths if (folder := _closed(path)) is not None}
        script = ["set -e"]
        for number, path in enumerate(closed):
            script.append(f"real{number}=$(mktemp -d); mount --bind '{path}' $real{number}")
        script += [f"mount -t tmpfs -o mode=755 tmpfs '{folder}'" for folder in sorted(set(closed.values()))]
        for number, path in enumerate(closed):
            script.append(f"mkdir -p '{path}'; mount --bind $real{number} '{path}'")
        script.append('exec "$@"')
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        if (cache_ := cache_directory()) is not None:
            environment["NETSIFT_CACHE_DIRECTORY"] = str(cache_.parent)
        return subprocess.Popen(
            self.command("sh", "-c", "\n".join(script), "sh", sys.executable, *words), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd="/",
        )  # fmt: skip


def _closed(path: Path) -> Path | None:
    """Return the outermost folder above a path that not every user may enter, None where there is none."""
    return next((one for one in reversed(path.parents) if not one.stat().st_mode & 0o001), None)


@cache
def why_not() -> str:
    """Return why no network can be made here, empty where it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "making network namespaces needs root"
    missing = [name for name in ("ip", "tcpreplay", "tcpdump") if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    try:
        with network():
            return ""
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made here: {error.stderr}"


def needs_network() -> pytest.MarkDecorator:
    """Return the mark of tests that need a network of their own."""
    reason = why_not()
    return pytest.mark.skipif(bool(reason), reason=reason)


@contextmanager
def network() -> Iterator[Network]:
    """Make a network and remove it, with every program that still runs in it."""
    made = Network(f"netsift-{os.getpid()}-{time.monotonic_ns() % 10**9}")
    subprocess.run(["ip", "netns", "add", made.name], check=True, capture_output=True, text=True)
    try:
        for setting in ("all", "default"):
            made.run("sysctl", "-qw", f"net.ipv6.conf.{setting}.disable_ipv6=1")
        made.run("ip", "link", "add", SENDS, "type", "veth", "peer", "name", RECEIVES)
        for interface in (SENDS, RECEIVES, "lo"):
            made.run("ip", "link", "set", interface, "up")
        yield made
    finally:
        pids = subprocess.run(["ip", "netns", "pids", made.name], capture_output=True, text=True, check=False)
        for pid in pids.stdout.split():
            subprocess.run(["kill", "-9", pid], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", made.name], check=False, capture_output=True)


def sendable(records: list[Record]) -> list[Record]:
    """Return records as tcpreplay can send them: nothing cut off, and frames of at least 60 bytes."""
    return [
        Record(one.time_ns, 1, max(one.wire_length, 60), one.data.ljust(60, b"\0"))
        for one in records
        if one.wire_length == len(one.data)
    ]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so; fail with what was waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}"
        time.sleep(0.05)

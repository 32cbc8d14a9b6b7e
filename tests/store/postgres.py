"""A PostgreSQL server for tests, from Debian's or any other package: in a temporary folder, on a Unix socket only."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEBIAN: Final = Path("/usr/lib/postgresql")
WHY_NOT: Final = "PostgreSQL is not installed here (Debian: apt-get install postgresql)"


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, the latest version's, or None."""
    found = [path.parent for path in DEBIAN.glob("*/bin/initdb")] if DEBIAN.is_dir() else []
    found.sort(key=lambda path: int(path.parent.name) if path.parent.name.isdecimal() else 0)
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).resolve().parent if on_path else None


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server that can be stopped and started again."""

    url: str
    programs: Path
    folder: Path

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "90", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once; connections are cut."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    @property
    def data(self) -> str:
        """Where its databases are."""
        return str(self.folder / "data")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as its owner."""
        owner = _owner()
        subprocess.run(
            [str(self.programs / program), *arguments], cwd=self.folder, user=None if owner is None else owner.pw_name,
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


@contextlib.contextmanager
def stoppable(programs: Path) -> Iterator[Server]:
    """Yield a running server; root lets the user postgres run it, as the server demands."""
    with tempfile.TemporaryDirectory(prefix="netsift-pg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder, owner = Path(name), _owner()
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        made = Server(f"postgresql://netsift@/postgres?host={folder}", programs, folder)
        made.run("initdb", "-D", made.data, "-U", "netsift", "-A", "trust", "-E", "UTF8", "--no-sync")
        made.start()
        try:
            yield made
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # a test has stopped it
                made.stop()


@contextlib.contextmanager
def server(programs: Path) -> Iterator[str]:
    """Yield the URL of a running server's database."""
    with stoppable(programs) as made:
        yield made.url


def _owner() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("postgres")

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


@dataclass(frozen=True)
class Server:
    """A server that can be stopped and started again; its URL stays the same."""

    programs: Path
    folder: Path

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://netsift@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        self._control("-w", "-t", "90", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once, as its end by a kill would."""
        self._control("-m", "immediate", "stop")

    def run(self, *command: str) -> None:
        """Run a program as the user whose the server is."""
        owner = _owner()
        user = None if owner is None else owner.pw_name
        subprocess.run(command, cwd=self.folder, user=user, check=True, capture_output=True, timeout=120)

    def _control(self, *words: str) -> None:
        self.run(str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), *words)


@contextlib.contextmanager
def stoppable(programs: Path) -> Iterator[Server]:
    """Yield a running server; root lets the user postgres run it, as the server demands."""
    with tempfile.TemporaryDirectory(prefix="netsift-pg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        made = Server(programs, Path(name))
        owner = _owner()
        if owner is not None:
            os.chown(name, owner.pw_uid, owner.pw_gid)
        data = str(made.folder / "data")
        made.run(str(programs / "initdb"), "-D", data, "-U", "netsift", "-A", "trust", "-E", "UTF8", "--no-sync")
        made.start()
        try:
            yield made
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
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

"""A PostgreSQL server for tests, from Debian's or any other package: in a temporary folder, on a Unix socket only."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
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


@contextlib.contextmanager
def server(programs: Path) -> Iterator[str]:
    """Yield the URL of a running server's database; root lets the user postgres run it, as the server demands."""
    with tempfile.TemporaryDirectory(prefix="netsift-pg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        owner = _owner()
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)

        def run(*command: str) -> None:
            user = None if owner is None else owner.pw_name
            subprocess.run(command, cwd=folder, user=user, check=True, capture_output=True, timeout=120)

        data = str(folder / "data")
        run(str(programs / "initdb"), "-D", data, "-U", "netsift", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        run(str(programs / "pg_ctl"), "-D", data, "-w", "-t", "90", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://netsift@/postgres?host={folder}"
        finally:
            run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop")


def _owner() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("postgres")

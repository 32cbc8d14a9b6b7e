"""Runs one command and prints what it used as JSON; a small program, so that nothing of the caller is counted.

A process's peak memory starts at that of the process it was forked from, so the parent must be as small as this one.
Usage: ``python -I -S launch.py OUTPUT COMMAND...``; the command's own output goes to the file OUTPUT.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Run the command; CPU seconds and peak memory include its children that it waited for."""
    output = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    started = time.perf_counter()
    process = os.fork()
    if process == 0:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execvp(sys.argv[2], sys.argv[2:])
    _, status, usage = os.wait4(process, 0)
    wall_s = time.perf_counter() - started
    sys.stdout.write(
        json.dumps(
            {
                "status": os.waitstatus_to_exitcode(status),
                "wall_s": wall_s,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_kib": usage.ru_maxrss,
            }
        )
    )


main()

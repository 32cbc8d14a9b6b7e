"""Run many cases: ``python -m tests.fuzz --count 2000000 --seed 1``."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import pyarrow as pa

from netsift.errors import NetsiftError
from tests.fuzz.oracle import Fuzzer

_CASES_PER_TASK: Final = 2000
_FAILURES: Final = (
    ArithmeticError, AssertionError, LookupError, MemoryError, NetsiftError, OSError, RuntimeError, TypeError,
    ValueError, pa.ArrowException,
)  # fmt: skip
"""What a reader that breaks its contract may raise; a process that dies ends the run by itself."""

_fuzzers: dict[int, Fuzzer] = {}


def check_range(task: tuple[int, int, int]) -> tuple[int, str] | None:
    """Check the cases ``first`` to ``last`` of a seed; return the first that fails and how."""
    seed, first, last = task
    if seed not in _fuzzers:
        _fuzzers[seed] = Fuzzer(seed)
    for number in range(first, last):
        try:
            _fuzzers[seed].check(number)
        except _FAILURES:
            return number, traceback.format_exc()
    return None


def main() -> int:
    """Check the cases on as many processes as asked for; stop at the first that fails and save its bytes."""
    options = _options()
    last = options.start + options.count
    tasks = [
        (options.seed, first, min(first + _CASES_PER_TASK, last))
        for first in range(options.start, last, _CASES_PER_TASK)
    ]
    started = time.monotonic()
    with ProcessPoolExecutor(options.processes) as pool:
        for done, failure in enumerate(pool.map(check_range, tasks), start=1):
            if failure is not None:
                pool.shutdown(wait=False, cancel_futures=True)
                return _report(options.seed, *failure)
            _say_progress(min(done * _CASES_PER_TASK, options.count), options.count, time.monotonic() - started)
    print(f"\n{options.count:,} damaged captures, seed {options.seed}: nothing wrong")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many damaged captures")
    parser.add_argument("--seed", type=int, default=1, help="what makes the damage; the same seed, the same captures")
    parser.add_argument("--start", type=int, default=0, help="number of the first one")
    parser.add_argument("--processes", type=int, default=2, help="how many run side by side")
    return parser.parse_args()


def _say_progress(done: int, total: int, seconds: float) -> None:
    print(f"\r{done:,} of {total:,}, {done / seconds:,.0f} per second", end="", flush=True)


def _report(seed: int, number: int, trace: str) -> int:
    path = Path(f"fuzz-{seed}-{number}.bin")
    path.write_bytes(Fuzzer(seed).case(number).data)
    print(f"\n{trace}\nrepeat with: python -m tests.fuzz --seed {seed} --start {number} --count 1; bytes in {path}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""The whole job on a small capture: simulate, meter, train, detect. ``make demo`` runs it.

The model is trained on traffic simulated here and judged on the bundled capture, which was made from another seed, so
it never sees what it is asked about.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CAPTURE: Final = Path("examples/demo.pcap.gz")
FOLDER: Final = Path("demo")
PLOTS: Final = FOLDER / "plots"

# Two training captures from different seeds, so that the model can also be judged on a network it did not see.
SIMULATE: Final = tuple(
    f"simulate demo/train-{seed}.pcap --seed {seed} --duration 6m --clients {clients} --flood-packets 400"
    for seed, clients in ((7, 6), (8, 4))
)
METER: Final = f"flows {CAPTURE} -o demo/flows.parquet"
TRAIN: Final = (
    f"train demo/train-7.pcap demo/train-8.pcap -o demo/model.netsift --plots {PLOTS}"
    " --protocols 'random split,by input,time-ordered' --folds 3 --trees 50"
)
DETECT: Final = f"detect {CAPTURE} --model demo/model.netsift"


def steps() -> Iterator[tuple[str, list[str]]]:
    """Yield what each step is for, and its arguments to ``netsift``."""
    for command in SIMULATE:
        yield "Labelled traffic to learn from", shlex.split(command)
    yield "Packets to flows, one row each", shlex.split(METER)
    yield "Learn, and measure on what was held back", shlex.split(TRAIN)
    yield "Find the attacks in a capture the model never saw", shlex.split(DETECT)


def main() -> int:
    """Run every step in the repository's folder; return the first exit status that is not 0."""
    shutil.rmtree(ROOT / FOLDER, ignore_errors=True)
    (ROOT / FOLDER).mkdir()
    for purpose, arguments in steps():
        print(f"\n# {purpose}\n$ {shlex.join(['netsift', *arguments])}", flush=True)
        status = subprocess.run([sys.executable, "-m", "netsift", *arguments], cwd=ROOT, check=False).returncode
        if status:
            return status
    print(f"\nPlots of the training: {PLOTS}/")
    for plot in sorted((ROOT / PLOTS).glob("*.png")):
        print(f"  {plot.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

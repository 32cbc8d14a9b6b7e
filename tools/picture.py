"""Draw the README's picture: what `netsift detect` shows for the bundled capture, as an SVG image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from rich.console import Console

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import detect
from netsift.alerts.pipeline import ModelSearch
from netsift.cli.detect import DEFAULT_RATE, default_model
from netsift.cli.incidents import RANKING, alerts_table
from netsift.cli.progress import counted
from netsift.models.bundle import load_bundle
from netsift.sources.flows import read_flows

ROOT: Final = Path(__file__).resolve().parent.parent
CAPTURE: Final = ROOT / "examples" / "demo.pcap.gz"
PICTURE: Final = ROOT / "docs" / "images" / "incidents.svg"
ROWS: Final = 6
WIDTH: Final = 100


def main() -> None:
    """Detect, draw and write."""
    bundle = load_bundle(default_model())
    search = ModelSearch.of(bundle, DEFAULT_RATE)
    found = detect(read_flows(CAPTURE), BehaviourSearch(), search)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print("$ netsift detect examples/demo.pcap.gz")
    flows = f"{counted(found.flows, 'flow')} of {counted(found.packets, 'packet')}"
    what = f"{counted(len(found.incidents), 'incident')} of {counted(len(found.alerts), 'alert')}"
    console.print(f"{flows}: {what}", highlight=False)
    console.print(RANKING, highlight=False)
    console.print(alerts_table(found.incidents[:ROWS]))
    PICTURE.parent.mkdir(exist_ok=True)
    console.save_svg(str(PICTURE), title="netsift")
    print(f"{len(found.incidents)} incidents, the first {min(ROWS, len(found.incidents))} drawn in {PICTURE}")


if __name__ == "__main__":
    main()

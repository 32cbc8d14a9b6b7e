"""Draw the README's picture: what `netsift detect` shows for the bundled capture, as an SVG image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from rich.console import Console

from netsift.alerts.pipeline import find
from netsift.cli.detect import default_model
from netsift.cli.findings import RANKING, findings_table
from netsift.cli.progress import counted
from netsift.detectors.model import ModelDetector
from netsift.models.bundle import load_bundle
from netsift.sources.flows import read_flows

ROOT: Final = Path(__file__).resolve().parent.parent
CAPTURE: Final = ROOT / "examples" / "demo.pcap.gz"
PICTURE: Final = ROOT / "docs" / "images" / "findings.svg"
FALSE_POSITIVE_RATE: Final = 0.01
ROWS: Final = 6
WIDTH: Final = 100


def main() -> None:
    """Detect, draw and write."""
    bundle = load_bundle(default_model())
    threshold = bundle.threshold(FALSE_POSITIVE_RATE)
    found = find(read_flows(CAPTURE), ModelDetector(bundle), bundle.reference, threshold)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print("$ netsift detect examples/demo.pcap.gz")
    flows = f"{counted(found.flows, 'flow')} of {counted(found.packets, 'packet')}"
    console.print(f"{flows}, {found.flagged:,} flagged, {counted(len(found.findings), 'finding')}", highlight=False)
    console.print(RANKING, highlight=False)
    console.print(findings_table(found.findings[:ROWS]))
    PICTURE.parent.mkdir(exist_ok=True)
    console.save_svg(str(PICTURE), title="netsift")
    print(f"{len(found.findings)} findings, the first {min(ROWS, len(found.findings))} drawn in {PICTURE}")


if __name__ == "__main__":
    main()

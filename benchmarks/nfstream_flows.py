"""Reads a capture with NFStream, all statistics and no payload inspection, and prints the number of flows."""

from __future__ import annotations

import sys

from nfstream import NFStreamer


def main() -> None:
    """Meter ``sys.argv[1]`` in one process beside the main one."""
    streamer = NFStreamer(source=sys.argv[1], statistical_analysis=True, n_dissections=0, n_meters=1)
    sys.stdout.write(f"{sum(1 for _ in streamer)}\n")


if __name__ == "__main__":
    main()

"""What a person says of the incidents in logs without labels; kept by hand, read by tools/quality_detection.py."""

from __future__ import annotations

from typing import Final

JUDGED: Final[dict[tuple[str, str, str], str]] = {}
"""The verdict on the incidents of a log, category and detectors."""

VERDICTS: Final = ""
"""What all of them have in common."""

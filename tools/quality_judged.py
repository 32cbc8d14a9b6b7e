"""What a person says of the incidents in logs without labels; kept by hand, read by tools/quality_logs.py."""

from __future__ import annotations

from typing import Final

_DAYS: Final = ("RITA, 2024-04-19", "RITA, 2024-04-20")

_OF_RITA: Final[dict[tuple[str, str], str]] = {
    ("brute_force", "brute_force"): (
        "true: strangers who open 6 to 50 connections to SSH within minutes, of 4 kB each, as guessing programs do"
    ),
    ("brute_force", "beacon+brute_force"): "true: the same, from strangers who also go on by the clock",
    ("c2", "beacon"): (
        "true attackers under a wrong name: all but one are strangers who guess at SSH by the clock, about 26 times, "
        "one every 60 to 130 s, as botnets do that share out the work; the other fetches from port 80 every 4 min all "
        "day, a monitoring service or a crawler, and is false"
    ),
    (
        "scan",
        "port_scan",
    ): "true: the scanners of the Internet, as one incident a day, with more than 1,000 ports asked by one",
}

JUDGED: Final[dict[tuple[str, str, str], str]] = {
    (day, *kind): verdict for day in _DAYS for kind, verdict in _OF_RITA.items()
}
"""The verdict on the incidents of a log, category and detectors."""

VERDICTS: Final = """The RITA days are of one host that is open to the Internet, so nearly all that reaches it is
unwanted, and what has to be judged is whether an incident is worth the name it has. The two IoT-23 honeypots are
devices that nobody attacked in that time."""
"""What all of them have in common."""

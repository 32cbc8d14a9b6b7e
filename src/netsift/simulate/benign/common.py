"""What several ordinary behaviours share: when things happen, and look-ups of names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netsift.simulate import payloads
from netsift.simulate.conversation import Conversation, Datagram, Stage
from netsift.simulate.network import Host
from netsift.simulate.parameters import PARAMETERS, LogNormal
from netsift.simulate.randomness import NANOSECONDS

_MILLISECOND: Final = 1_000_000


def moments(stage: Stage, gap: LogNormal, *, human: bool = True) -> Iterator[int]:
    """Times of events with this gap; people's gaps stretch when the day is quiet."""
    time = stage.start_ns + int(stage.draws.sample(gap) * stage.draws.uniform() * NANOSECONDS)
    while time < stage.end_ns:
        yield time
        busy = stage.activity(time) if human else stage.background
        time += int(stage.draws.seconds(gap) / max(busy, 0.02))


def lookup(
    stage: Stage, start_ns: int, client: Host, name: str, kind: int = payloads.DNS_A
) -> tuple[Conversation, int]:
    """A query to the site's resolver; returns it and the time of the answer."""
    draws, names = stage.draws, PARAMETERS.names
    identifier = draws.integer(0, 65536)
    query = payloads.dns_query(identifier, name, kind)
    wait = (
        int(names.cached_ms * _MILLISECOND)
        if draws.chance(names.cached_share)
        else draws.milliseconds(names.recursive_ms)
    )
    if draws.chance(names.missing_share):
        answer = payloads.dns_response(identifier, name, kind, [], status=3)
    else:
        records = [
            payloads.dns_resource(draws, kind, draws.integer(20, 120)) for _ in range(draws.pick((1, 1, 1, 2, 4)))
        ]
        answer = payloads.dns_response(identifier, name, kind, records)
    datagrams = [Datagram(True, query), Datagram(False, answer, wait)]
    if draws.chance(names.retry_share):
        datagrams.insert(0, Datagram(True, query))
        datagrams[1] = Datagram(True, query, draws.pick((1, 5)) * NANOSECONDS)
    resolver = stage.network.servers["resolver"]
    return stage.udp(start_ns, client, resolver, 53, datagrams), start_ns + wait + resolver.round_trip_ns

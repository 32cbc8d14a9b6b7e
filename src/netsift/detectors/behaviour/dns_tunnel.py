"""DNS tunnel: other traffic inside questions and answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.words import counted, lasted, number

_NEARLY = 0.7
_HEADERS = 28
"""Bytes of the headers of IPv4 and UDP."""


@dataclass(frozen=True, slots=True)
class DnsTunnel:
    """Tunnels through DNS, by the size and number of questions and answers; names are not looked at.

    What it assumes: a name that carries data is long, and so many are needed that they never end. An ordinary question
    has 30 to 45 bytes of payload, one with EDNS and a cookie up to about 70 (RFC 6891, 7873). ``questions`` of one host
    to one server without a pause of ``gap_s`` are longer than ``question_bytes``; and so is the mean of all between the
    two, or nearly, because programs that ask for long names now and then (reputation services) ask for short ones as
    well. Where the mean of all is that long in full, hardly anything else is asked, and ``only_questions`` are enough.
    Long answers prove nothing alone: those of name servers with signatures have a kilobyte. A client takes a new port
    for each question (RFC 5452); ``same_port`` questions from one port are a program that speaks DNS for another
    purpose, and seven tenths of the size are enough there, or answers of ``answer_bytes``. It fails on tunnels with
    few, short questions and on those inside encrypted DNS.
    """

    questions: float = limit(100, "questions", "fewest questions of a host to a server")
    only_questions: float = limit(20, "questions", "the same, where nothing else is asked")
    question_bytes: float = limit(80, "bytes", "mean payload of long questions")
    answer_bytes: float = limit(250, "bytes", "mean payload of long answers")
    same_port: float = limit(20, "questions", "fewest questions from one port")
    gap_s: float = limit(120, "s", "longest time without a suspicious flow within an episode")
    name: str = "dns_tunnel"
    category: str = "tunnel"
    technique: str = "T1071.004"
    severity: Severity = Severity.HIGH
    scale: str = "questions"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_packets_10min", "pair_bytes_fwd_10min", "pair_bytes_bwd_10min")
    facts: tuple[str, ...] = (*context, "payload_fwd_mean", "payload_bwd_mean", "payload_packets_fwd")

    def suspects(self, view: FlowView) -> Rows:
        """Return DNS over UDP or TCP with long questions or answers, or with many questions from one port."""
        port = view.number("dst_port")
        kind = view.among("payload_kind_fwd", ("dns",)) | (port == 53) | (view.number("src_port") == 53)
        dns = kind & ~np.isin(port, (137, 5353, 5355)) & (view.number("src_port") != 5355)
        question = view.number("payload_fwd_mean")
        long = question >= _NEARLY * self.question_bytes
        fed = view.number("payload_bwd_mean") >= self.answer_bytes
        one_port = (view.number("payload_packets_fwd") >= self.same_port) & (long | fed)
        packets = view.number("pair_packets_10min")
        mean = 2 * view.number("pair_bytes_fwd_10min") / np.maximum(packets, 1) - _HEADERS
        many = (packets >= self.questions) & (mean >= _NEARLY * self.question_bytes)
        only = (packets >= self.only_questions / 2) & (mean >= self.question_bytes)
        found: Rows = dns & (one_port | ((question >= self.question_bytes) & (many | only)))
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of packets between the two in ten minutes."""
        return view.number("pair_packets_10min")

    def strength(self, episode: Episode) -> float:
        """Return questions ÷ limit, of one port ÷ a fifth of it."""
        alone = episode.fact("payload_packets_fwd") / self.same_port if episode.flows < 10 else 0.0
        packets = max(episode.fact("pair_packets_10min"), 1)
        only = 2 * episode.fact("pair_bytes_fwd_10min") / packets - _HEADERS >= self.question_bytes
        return max(episode.packets / 2 / (self.only_questions if only else self.questions), alone)

    def reason(self, episode: Episode) -> str:
        """Say how much was asked and answered."""
        source, target = episode.key
        question, answer = episode.fact("payload_fwd_mean"), episode.fact("payload_bwd_mean")
        return (
            f"{source} and {target} exchanged {episode.packets:,} DNS messages in {lasted(episode.seconds)} over "
            f"{counted(episode.flows, 'flow')}, questions of {number(question)} and answers of {number(answer)} "
            "bytes in the mean; usual are 30 to 70 and 60 to 200"
        )

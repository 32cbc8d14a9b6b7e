"""The one table of flow columns: name, type, unit, definition, source and the names other tools use.

The Arrow schema, the compiled meter's row layout, ``docs/features.md``, CSV headers and the dialects are all
generated from :data:`COLUMNS`. Rules that need more than a line stand in ``docs/flow-meter.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SCHEMA_VERSION: Final = 2
"""Raised whenever a column is added, removed or changes its meaning."""


class Kind(StrEnum):
    """What a column holds; decides its Arrow type and its width in the meter's rows."""

    TIME = "time"
    ADDRESS = "address"
    FLOAT64 = "float64"
    FLOAT32 = "float32"
    UINT64 = "uint64"
    UINT32 = "uint32"
    UINT16 = "uint16"
    UINT8 = "uint8"
    CATEGORY = "category"
    SET = "set"
    INT32_LIST = "int32_list"
    FLOAT64_LIST = "float64_list"


class Validity(StrEnum):
    """When a value exists; a column is null in every other row."""

    ALWAYS = "always"
    PORTS = "the protocol has ports and they were seen"
    VLAN = "the packets carried a VLAN tag"
    TUNNEL_ID = "the tunnel has an identifier (VXLAN or GENEVE network identifier)"
    ICMP = "the first packet's ICMP or ICMPv6 header was captured"
    FORWARD = "there is at least one forward packet (a part after an active timeout may have none)"
    BACKWARD = "there is at least one backward packet"
    GAPS = "there are at least two packets"
    GAPS_FWD = "there are at least two forward packets"
    GAPS_BWD = "there are at least two backward packets"
    DURATION = "the duration is greater than zero"
    IDLE = "there is at least one idle time"
    WINDOW_FWD = "a forward TCP header was captured"
    WINDOW_BWD = "a backward TCP header was captured"
    PAYLOAD_KIND_FWD = "a forward packet's payload was captured"
    PAYLOAD_KIND_BWD = "a backward packet's payload was captured"
    BULK_FWD = "there is at least one forward bulk"
    BULK_BWD = "there is at least one backward bulk"
    BULK_RATE_FWD = "the forward bulks last longer than zero"
    BULK_RATE_BWD = "the backward bulks last longer than zero"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the flow batch.

    ``identity`` marks what names a flow rather than describes it (addresses, ports, times): models never see it.
    The last six fields are the column's name elsewhere, None where that tool has no such column.
    """

    name: str
    kind: Kind
    unit: str
    definition: str
    source: str
    validity: Validity = Validity.ALWAYS
    identity: bool = False
    categories: tuple[str, ...] = ()
    cicflowmeter_2017: str | None = None
    cicflowmeter_2018: str | None = None
    nfstream: str | None = None
    zeek: str | None = None
    ipfix: str | None = None


TUNNELS: Final = ("none", "gre", "ipip", "6in4", "vxlan", "geneve", "gtpu")
END_REASONS: Final = ("idle", "active", "fin", "rst", "table_full", "end_of_input")
CONNECTION_STATES: Final = (
    "OTH", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR",
)  # fmt: skip
PAYLOAD_KINDS: Final = (
    "tls", "http", "ssh", "smb", "rdp", "banner", "sip", "bittorrent", "stun", "quic", "dns", "ntp", "text",
    "zeros", "binary",
)  # fmt: skip
REMOTE_CALLS: Final = (
    "directory_replication", "directory_change", "service_start", "task_start", "management_method", "printer_driver",
    "forced_login", "secret", "account_change", "account_list", "session_list", "share_list", "endpoint_list",
    "registry_list", "registry_change", "log_cleared", "administrative_share",
)  # fmt: skip
"""Kinds of remote procedure calls; the first has the lowest bit."""

_CIC = "CICFlowMeter"
_METER = "docs/flow-meter.md"


def _identity() -> Iterator[Column]:
    yield Column("start_time", Kind.TIME, "ns since 1970 UTC", "Time of the first packet.", "RFC 5102 flowStartNanoseconds",
                 identity=True, cicflowmeter_2017="Timestamp", cicflowmeter_2018="Timestamp",
                 nfstream="bidirectional_first_seen_ms", zeek="ts", ipfix="flowStartNanoseconds")  # fmt: skip
    yield Column("end_time", Kind.TIME, "ns since 1970 UTC", "Greatest packet time.", "RFC 5102 flowEndNanoseconds",
                 identity=True, nfstream="bidirectional_last_seen_ms", ipfix="flowEndNanoseconds")  # fmt: skip
    for side, cic, port, long, ipfix in (
        ("src", "Src", "orig", "Source", "source"), ("dst", "Dst", "resp", "Destination", "destination"),
    ):  # fmt: skip
        yield Column(f"{side}_ip", Kind.ADDRESS, "", f"{long} address of the first packet, RFC 5952 text for IPv6.", "RFC 791, RFC 8200",
                     identity=True, cicflowmeter_2017=f"{long} IP", cicflowmeter_2018=f"{cic} IP", nfstream=f"{side}_ip",
                     zeek=f"id.{port}_h", ipfix=f"{ipfix}IPv4Address / {ipfix}IPv6Address")  # fmt: skip
        yield Column(f"{side}_port", Kind.UINT16, "", f"{long} port of the first packet.", "RFC 9293, RFC 768, RFC 9260",
                     Validity.PORTS, identity=True, cicflowmeter_2017=f"{long} Port", cicflowmeter_2018=f"{cic} Port",
                     nfstream=f"{side}_port", zeek=f"id.{port}_p", ipfix=f"{ipfix}TransportPort")  # fmt: skip
    yield Column("protocol", Kind.UINT8, "", "IP protocol number after IPv6 extension headers.", "IANA protocol numbers",
                 cicflowmeter_2017="Protocol", cicflowmeter_2018="Protocol", nfstream="protocol", zeek="proto",
                 ipfix="protocolIdentifier")  # fmt: skip
    yield Column("ip_version", Kind.UINT8, "", "4 or 6.", "RFC 791, RFC 8200", nfstream="ip_version", ipfix="ipVersion")
    yield Column("vlan_id", Kind.UINT16, "", "Outermost 802.1Q VLAN identifier.", "IEEE 802.1Q", Validity.VLAN, identity=True,
                 nfstream="vlan_id", zeek="vlan", ipfix="vlanId")  # fmt: skip
    yield Column("tunnel", Kind.CATEGORY, "", "Tunnel that the packets carry, or in which they travelled when the inner packet is metered.",
                 "RFC 2784, RFC 2003, RFC 4213, RFC 7348, RFC 8926, 3GPP TS 29.281", categories=TUNNELS)  # fmt: skip
    yield Column("tunnel_id", Kind.UINT32, "", "VXLAN or GENEVE network identifier.", "RFC 7348, RFC 8926", Validity.TUNNEL_ID,
                 identity=True, nfstream="tunnel_id", ipfix="layer2SegmentId")  # fmt: skip
    yield Column(
        "part",
        Kind.UINT32,
        "flow parts",
        "How often the active timeout has cut this conversation before this row.",
        _METER,
        identity=True,
    )
    yield Column("end_reason", Kind.CATEGORY, "", "Why the flow was written.", _METER, identity=True, categories=END_REASONS,
                 nfstream="expiration_id", ipfix="flowEndReason")  # fmt: skip
    yield Column("conn_state", Kind.CATEGORY, "", "State of the connection at its end.", "Zeek conn_state; " + _METER,
                 categories=CONNECTION_STATES, zeek="conn_state")  # fmt: skip
    yield Column(
        "icmp_type",
        Kind.UINT8,
        "",
        "ICMP type of the first packet.",
        "RFC 792, RFC 4443",
        Validity.ICMP,
        ipfix="icmpTypeIPv4 / icmpTypeIPv6",
    )
    yield Column(
        "icmp_code",
        Kind.UINT8,
        "",
        "ICMP code of the first packet.",
        "RFC 792, RFC 4443",
        Validity.ICMP,
        ipfix="icmpCodeIPv4 / icmpCodeIPv6",
    )


_SIDES: Final = (
    ("", "", "Flow", "bidirectional"),
    ("_fwd", " forward", "Fwd", "src2dst"),
    ("_bwd", " backward", "Bwd", "dst2src"),
)

_PRESENT: Final = {"": Validity.ALWAYS, "_fwd": Validity.FORWARD, "_bwd": Validity.BACKWARD}


def _volume() -> Iterator[Column]:
    yield Column("duration_us", Kind.FLOAT64, "µs", "end_time − start_time.", _CIC, cicflowmeter_2017="Flow Duration",
                 cicflowmeter_2018="Flow Duration", nfstream="bidirectional_duration_ms", zeek="duration", ipfix="flowDurationMicroseconds")  # fmt: skip
    cic_packets = {"_fwd": ("Total Fwd Packets", "Tot Fwd Pkts"), "_bwd": ("Total Backward Packets", "Tot Bwd Pkts")}
    cic_payload = {
        "_fwd": ("Total Length of Fwd Packets", "TotLen Fwd Pkts"),
        "_bwd": ("Total Length of Bwd Packets", "TotLen Bwd Pkts"),
    }
    cic_header = {"_fwd": ("Fwd Header Length", "Fwd Header Len"), "_bwd": ("Bwd Header Length", "Bwd Header Len")}
    zeek_side = {"_fwd": "orig", "_bwd": "resp"}
    for side, word, _, nf in _SIDES:
        zeek = zeek_side.get(side)
        yield Column(f"packets{side}", Kind.UINT32, "packets", f"Number of{word} packets.", _CIC,
                     cicflowmeter_2017=cic_packets.get(side, (None, None))[0], cicflowmeter_2018=cic_packets.get(side, (None, None))[1],
                     nfstream=f"{nf}_packets", zeek=f"{zeek}_pkts" if zeek else None, ipfix="packetDeltaCount" if side == "" else None)  # fmt: skip
        yield Column(f"bytes{side}", Kind.UINT64, "bytes", f"Sum of the IP lengths of the{word} packets.", "RFC 5102 octetDeltaCount",
                     nfstream=f"{nf}_bytes (accounting_mode=1)", zeek=f"{zeek}_ip_bytes" if zeek else None,
                     ipfix="octetDeltaCount" if side == "" else None)  # fmt: skip
        yield Column(f"payload_bytes{side}", Kind.UINT64, "bytes", f"Sum of the transport payload lengths of the{word} packets.", _CIC,
                     cicflowmeter_2017=cic_payload.get(side, (None, None))[0], cicflowmeter_2018=cic_payload.get(side, (None, None))[1],
                     nfstream=f"{nf}_bytes (accounting_mode=3)", zeek=f"{zeek}_bytes" if zeek else None)  # fmt: skip
        yield Column(f"payload_packets{side}", Kind.UINT32, "packets", f"Number of{word} packets with payload.", _CIC,
                     cicflowmeter_2017="act_data_pkt_fwd" if side == "_fwd" else None,
                     cicflowmeter_2018="Fwd Act Data Pkts" if side == "_fwd" else None)  # fmt: skip
        yield Column(f"header_bytes{side}", Kind.UINT64, "bytes", f"Sum of the transport header lengths of the{word} packets.", _CIC,
                     cicflowmeter_2017=cic_header.get(side, (None, None))[0], cicflowmeter_2018=cic_header.get(side, (None, None))[1])  # fmt: skip


def _lengths() -> Iterator[Column]:
    for side, word, cic, nf in _SIDES:
        validity = _PRESENT[side]
        for what, noun, mode in (("length", "IP length", 1), ("payload", "payload length", 3)):
            for statistic, text, short in (
                ("min", "Smallest", "Min"),
                ("max", "Greatest", "Max"),
                ("mean", "Mean", "Mean"),
                ("std", "Standard deviation of the", "Std"),
            ):
                kind = Kind.UINT32 if statistic in ("min", "max") else Kind.FLOAT32
                cic17 = cic18 = None
                if what == "payload":
                    total17 = f"{short} Packet Length" if statistic in ("min", "max") else f"Packet Length {short}"
                    cic17 = f"{cic} Packet Length {short}" if side else total17
                    cic18 = f"{cic} Pkt Len {short}" if side else f"Pkt Len {short}"
                nf_statistic = {"std": "stddev"}.get(statistic, statistic)
                yield Column(f"{what}{side}_{statistic}", kind, "bytes", f"{text} {noun} of the{word} packets.",
                             _CIC if what == "payload" else "NFStream", validity, cicflowmeter_2017=cic17, cicflowmeter_2018=cic18,
                             nfstream=f"{nf}_{nf_statistic}_ps (accounting_mode={mode})")  # fmt: skip


def _inter_arrival_times() -> Iterator[Column]:
    validities = {"": Validity.GAPS, "_fwd": Validity.GAPS_FWD, "_bwd": Validity.GAPS_BWD}
    for side, word, cic, nf in _SIDES:
        if side:
            yield Column(f"iat{side}_total_us", Kind.FLOAT64, "µs", f"Sum of the inter-arrival times of the{word} packets.", _CIC,
                         validities[side], cicflowmeter_2017=f"{cic} IAT Total", cicflowmeter_2018=f"{cic} IAT Tot")  # fmt: skip
        for statistic, text, short in (
            ("mean", "Mean", "Mean"),
            ("std", "Standard deviation of the", "Std"),
            ("max", "Greatest", "Max"),
            ("min", "Smallest", "Min"),
        ):
            nf_statistic = {"std": "stddev"}.get(statistic, statistic)
            yield Column(f"iat{side}_{statistic}_us", Kind.FLOAT64, "µs", f"{text} time between successive{word} packets.", _CIC,
                         validities[side], cicflowmeter_2017=f"{cic} IAT {short}", cicflowmeter_2018=f"{cic} IAT {short}",
                         nfstream=f"{nf}_{nf_statistic}_piat_ms")  # fmt: skip


FLAGS: Final = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
"""TCP flags by bit, least significant first (RFC 9293 section 3.1)."""


def _tcp_flags() -> Iterator[Column]:
    for flag in FLAGS:
        upper = flag.upper()
        for side, word, cic, nf in _SIDES:
            name17 = "CWE" if flag == "cwr" else upper
            cic17 = cic18 = None
            if side == "":
                cic17 = f"{name17} Flag Count"
                cic18 = f"{name17} Flag Count" if flag == "cwr" else f"{upper} Flag Cnt"
            elif flag in ("psh", "urg"):
                cic17 = cic18 = f"{cic} {upper} Flags"
            yield Column(f"{flag}_packets{side}", Kind.UINT32, "packets", f"Number of{word} packets with the {upper} flag.", "RFC 9293; " + _CIC,
                         cicflowmeter_2017=cic17, cicflowmeter_2018=cic18, nfstream=f"{nf}_{flag}_packets")  # fmt: skip


def _rates() -> Iterator[Column]:
    column = Column("", Kind.FLOAT32, "1/s", "", _CIC, Validity.DURATION)
    for side, word, cic, _ in _SIDES:
        cic17, cic18 = (f"{cic} Packets/s", f"{cic} Pkts/s")
        yield replace(column, name=f"rate_packets{side}_s", unit="packets/s", definition=f"Number of{word} packets ÷ duration.",
                      cicflowmeter_2017=cic17, cicflowmeter_2018=cic18)  # fmt: skip
    for side, word, _, _ in _SIDES:
        yield replace(
            column,
            name=f"rate_bytes{side}_s",
            unit="bytes/s",
            definition=f"IP bytes of the{word} packets ÷ duration.",
            source="netsift",
        )
    yield replace(column, name="rate_payload_bytes_s", unit="bytes/s", definition="Payload bytes ÷ duration.",
                  cicflowmeter_2017="Flow Bytes/s", cicflowmeter_2018="Flow Byts/s")  # fmt: skip
    yield Column("packets_ratio", Kind.FLOAT32, "ratio", "Backward packets ÷ forward packets.", _CIC, Validity.FORWARD,
                 cicflowmeter_2017="Down/Up Ratio", cicflowmeter_2018="Down/Up Ratio")  # fmt: skip
    yield Column(
        "bytes_ratio", Kind.FLOAT32, "ratio", "Backward IP bytes ÷ forward IP bytes.", "netsift", Validity.FORWARD
    )


def _bulks_and_subflows() -> Iterator[Column]:
    for side, word, cic, _ in _SIDES[1:]:
        validity = Validity.BULK_FWD if side == "_fwd" else Validity.BULK_BWD
        rate_validity = Validity.BULK_RATE_FWD if side == "_fwd" else Validity.BULK_RATE_BWD
        yield Column(f"bulks{side}", Kind.UINT32, "bulks", f"Number of{word} bulks.", _CIC)
        yield Column(f"bulk{side}_bytes_mean", Kind.FLOAT32, "bytes", f"Mean payload bytes of a{word} bulk.", _CIC, validity,
                     cicflowmeter_2017=f"{cic} Avg Bytes/Bulk", cicflowmeter_2018=f"{cic} Byts/b Avg")  # fmt: skip
        yield Column(f"bulk{side}_packets_mean", Kind.FLOAT32, "packets", f"Mean number of packets of a{word} bulk.", _CIC, validity,
                     cicflowmeter_2017=f"{cic} Avg Packets/Bulk", cicflowmeter_2018=f"{cic} Pkts/b Avg")  # fmt: skip
        yield Column(f"bulk{side}_rate_bytes_s", Kind.FLOAT32, "bytes/s", f"Payload bytes of all{word} bulks ÷ their total duration.", _CIC,
                     rate_validity, cicflowmeter_2017=f"{cic} Avg Bulk Rate", cicflowmeter_2018=f"{cic} Blk Rate Avg")  # fmt: skip
    yield Column("subflows", Kind.UINT32, "subflows", "Number of subflows.", _CIC)
    for side, word, cic, _ in _SIDES[1:]:
        yield Column(f"subflow{side}_packets_mean", Kind.FLOAT32, "packets", f"Number of{word} packets ÷ subflows.", _CIC,
                     cicflowmeter_2017=f"Subflow {cic} Packets", cicflowmeter_2018=f"Subflow {cic} Pkts")  # fmt: skip
        yield Column(f"subflow{side}_bytes_mean", Kind.FLOAT32, "bytes", f"Payload bytes of the{word} packets ÷ subflows.", _CIC,
                     cicflowmeter_2017=f"Subflow {cic} Bytes", cicflowmeter_2018=f"Subflow {cic} Byts")  # fmt: skip


def _tcp_behaviour() -> Iterator[Column]:
    windows = {
        "_fwd": ("Init_Win_bytes_forward", "Init Fwd Win Byts"),
        "_bwd": ("Init_Win_bytes_backward", "Init Bwd Win Byts"),
    }
    for side, word, _, _ in _SIDES[1:]:
        validity = Validity.WINDOW_FWD if side == "_fwd" else Validity.WINDOW_BWD
        yield Column(f"window{side}_initial", Kind.UINT32, "bytes, unscaled", f"Window field of the first{word} TCP packet.", _CIC, validity,
                     cicflowmeter_2017=windows[side][0], cicflowmeter_2018=windows[side][1])  # fmt: skip
    columns = (
        ("zero_windows", "packets without RST that announce a window of zero", "RFC 9293"),
        ("retransmissions", "segments whose bytes had been sent before", "RFC 9293; " + _METER),
        ("out_of_order", "segments that fill a hole in the sequence", "RFC 9293; " + _METER),
    )
    for name, text, source in columns:
        for side, word, _, _ in _SIDES[1:]:
            yield Column(f"{name}{side}", Kind.UINT32, "packets", f"Number of{word} TCP {text}.", source)
    for side, word, _, _ in _SIDES[1:]:
        validity = _PRESENT[side]
        forward = side == "_fwd"
        yield Column(f"header{side}_min", Kind.UINT16, "bytes", f"Smallest transport header of the{word} packets.", _CIC, validity,
                     cicflowmeter_2017="min_seg_size_forward" if forward else None,
                     cicflowmeter_2018="Fwd Seg Size Min" if forward else None)  # fmt: skip


def _active_and_idle() -> Iterator[Column]:
    yield Column("idles", Kind.UINT32, "idle times", "Number of gaps longer than the activity timeout.", _METER)
    for what, noun in (("active", "active time"), ("idle", "idle time")):
        for statistic, text, short in (
            ("mean", "Mean", "Mean"),
            ("std", "Standard deviation of the", "Std"),
            ("max", "Greatest", "Max"),
            ("min", "Smallest", "Min"),
        ):
            name = f"{what.title()} {short}"
            yield Column(f"{what}_{statistic}_us", Kind.FLOAT64, "µs", f"{text} {noun}.", f"{_CIC}; {_METER}", Validity.IDLE,
                         cicflowmeter_2017=name, cicflowmeter_2018=name)  # fmt: skip


def _network() -> Iterator[Column]:
    for side, word, _, _ in _SIDES[1:]:
        validity = _PRESENT[side]
        yield Column(
            f"ttl{side}_min",
            Kind.UINT8,
            "hops",
            f"Smallest TTL or hop limit of the{word} packets.",
            "RFC 791, RFC 8200",
            validity,
            ipfix="minimumTTL",
        )
        yield Column(
            f"ttl{side}_max",
            Kind.UINT8,
            "hops",
            f"Greatest TTL or hop limit of the{word} packets.",
            "RFC 791, RFC 8200",
            validity,
            ipfix="maximumTTL",
        )
        yield Column(
            f"dscp{side}",
            Kind.UINT8,
            "",
            f"Differentiated services code point of the first{word} packet.",
            "RFC 2474",
            validity,
            ipfix="ipDiffServCodePoint",
        )
        yield Column(f"ecn{side}", Kind.UINT8, "", f"ECN bits seen in any{word} packet, ORed.", "RFC 3168", validity)
    yield Column("fragments", Kind.UINT32, "packets", "Number of packets that are IP fragments.", "RFC 791, RFC 8200")
    yield Column(
        "response_time_us",
        Kind.FLOAT64,
        "µs",
        "Time from the first packet to the first backward packet.",
        "netsift",
        Validity.BACKWARD,
    )


def _payload() -> Iterator[Column]:
    yield Column(
        "payload_kind_fwd",
        Kind.CATEGORY,
        "",
        "What the first forward payload looks like.",
        _METER,
        Validity.PAYLOAD_KIND_FWD,
        categories=PAYLOAD_KINDS,
    )
    yield Column(
        "payload_kind_bwd",
        Kind.CATEGORY,
        "",
        "What the first backward payload looks like.",
        _METER,
        Validity.PAYLOAD_KIND_BWD,
        categories=PAYLOAD_KINDS,
    )
    yield Column(
        "remote_calls",
        Kind.SET,
        "",
        "Kinds of remote procedures that were called, one bit each.",
        _METER,
        categories=REMOTE_CALLS,
    )
    yield Column("first_lengths", Kind.INT32_LIST, "bytes", "IP lengths of the first packets, negative when backward.", "NFStream splt_ps",
                 nfstream="splt_ps, splt_direction")  # fmt: skip
    yield Column("first_iats_us", Kind.FLOAT64_LIST, "µs", "Inter-arrival times of the first packets; the first is 0.", "NFStream splt_piat_ms",
                 nfstream="splt_piat_ms")  # fmt: skip


COLUMNS: Final[tuple[Column, ...]] = (
    *_identity(), *_volume(), *_lengths(), *_inter_arrival_times(), *_tcp_flags(), *_rates(), *_bulks_and_subflows(),
    *_tcp_behaviour(), *_active_and_idle(), *_network(), *_payload(),
)  # fmt: skip
"""Every column of the flow batch, in order."""

BY_NAME: Final[dict[str, Column]] = {column.name: column for column in COLUMNS}

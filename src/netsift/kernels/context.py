"""What the flows around a flow say: damped sums per host, pair and service, in tables of fixed size.

A sum over a window of τ seconds weighs a flow of age a with e^(−a/τ), after the damped windows of Y. Mirsky et al.,
"Kitsune", NDSS 2018. A damped number of distinct things weighs each thing with the age of its last flow; it is kept
exactly, without a sketch, because the thing itself has an entry that knows when it was last seen: a flow that comes
again after g seconds adds 1 − e^(−g/τ). Means and variances are updated as in T. Finch, "Incremental calculation of
weighted mean and variance", 2009, section 4; they need not age.
"""

from __future__ import annotations

from math import exp, sqrt

import numpy as np

from netsift.kernels.context_layout import (
    AGE,
    BACKWARD_LIMIT_NS,
    BYTES_BWD,
    BYTES_FWD,
    DESTINATION,
    DESTINATION_SERVICE,
    DISTINCT,
    ENTITIES,
    FAILED,
    FLOWS,
    GAP_MEAN,
    GAP_REGULARITY,
    GAP_STD,
    GAP_VARIANCE,
    GAP_WEIGHT,
    MEANS,
    NEVER,
    NOTHING,
    PACKETS,
    PAIR,
    RESETS,
    SIZE_MEAN,
    SIZE_STD,
    SIZE_VARIANCE,
    SOURCE,
    SOURCE_SERVICE,
    SUMS,
    TRIPLES,
    UNANSWERED,
    VALUES,
    WAYS,
    WINDOWS_S,
)
from netsift.kernels.jit import inline_kernel, kernel
from netsift.kernels.prefetch import prefetch
from netsift.kernels.siphash import siphash_words

_SECONDS = 1e-9
_SLOWEST = 1.0 / WINDOWS_S[3]


@inline_kernel
def _mixed(value):
    """Return a 64-bit number whose bits all depend on all bits of the value (the finaliser of MurmurHash3)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    value ^= value >> np.uint64(33)
    return value


@inline_kernel
def _key(first, second, kind):
    """Return the key of what two unpredictable hashes name; never 0, which marks an empty place."""
    turned = (first << np.uint64(23)) | (first >> np.uint64(41))
    key = _mixed(turned * np.uint64(0x9E3779B97F4A7C15) + second + np.uint64(kind) * np.uint64(0xD6E8FEB86659FD93))
    return key if key != np.uint64(0) else np.uint64(1)


@kernel
def _entity_keys(flows, keys):
    """Fill (rows, 6) with the keys of each flow's five entities and of its triple."""
    for row in range(len(flows)):
        source, destination = flows[row].source, flows[row].destination
        service = _mixed(np.uint64(flows[row].service) + np.uint64(1))
        keys[row, SOURCE] = _key(source, np.uint64(0), SOURCE)
        keys[row, DESTINATION] = _key(destination, np.uint64(0), DESTINATION)
        pair = _key(source, destination, PAIR)
        keys[row, PAIR] = pair
        keys[row, SOURCE_SERVICE] = _key(source, service, SOURCE_SERVICE)
        keys[row, DESTINATION_SERVICE] = _key(destination, service, DESTINATION_SERVICE)
        keys[row, TRIPLES] = _key(pair, service, TRIPLES)


@inline_kernel
def _decays(age_ns, decay):
    """Fill e^(−age/τ) of every window; τ grows by factors of 12, 10 and 6, so one exponential serves all."""
    if age_ns == 0:
        decay[:] = 1.0
        return
    slowest = exp(-age_ns * _SECONDS * _SLOWEST)
    squared = slowest * slowest
    ten_minutes = squared * squared * squared
    squared = ten_minutes * ten_minutes
    minute = squared * squared * squared * squared * squared
    squared = minute * minute
    cubed = squared * minute
    cubed *= cubed
    decay[3] = slowest
    decay[2] = ten_minutes
    decay[1] = minute
    decay[0] = cubed * cubed


@inline_kernel
def _bucket(key, first, buckets):
    return (first + np.int64((key >> np.uint64(17)) & np.uint64(buckets - 1))) * WAYS


@inline_kernel
def _sought(tags, last_ns, start, key):
    """Return where the key stands in its bucket, or else where it may: in a free place, or the one unseen longest."""
    oldest = start
    for place in range(start, start + WAYS):
        if tags[place] == key or tags[place] == np.uint64(0):
            return place
        if last_ns[place] < last_ns[oldest]:
            oldest = place
    return oldest


@inline_kernel
def _place(tags, last_ns, start, key, state, number):
    """Return the place of a key, made new if it is not there; ``state[number]`` counts those that made room."""
    place = _sought(tags, last_ns, start, key)
    if tags[place] != key:
        state[number] += 1 if tags[place] != np.uint64(0) else 0
        tags[place] = key
        last_ns[place] = NEVER
    return place


@inline_kernel
def _starts_anew(last_ns, end_ns):
    return last_ns == NEVER or end_ns < last_ns - BACKWARD_LIMIT_NS


@inline_kernel
def _clear(entry, flow):
    entry.last_start_ns = NEVER
    entry.first_ns = flow.start_ns
    values = entry.values
    for window in range(len(WINDOWS_S)):
        for value in range(VALUES):
            values[window, value] = 0.0


@inline_kernel
def _age(values, decay):
    for window in range(len(WINDOWS_S)):
        share = decay[window]
        for value in range(SIZE_MEAN):
            aged = values[window, value] * share
            values[window, value] = aged if aged > NOTHING else 0.0


@inline_kernel
def _add_value(values, window, mean, weight, value, added):
    """Add a value to the mean at ``mean`` and the variance behind it; the weights before it stand at ``weight``.

    Nothing but the distance is subtracted, so that a small mean after great ones keeps its digits.
    """
    before = values[window, weight]
    whole = 1.0 / (before + added)
    rest, share = before * whole, added * whole
    distance = value - values[window, mean]
    values[window, weight] = before + added
    values[window, mean] = rest * values[window, mean] + share * value
    values[window, mean + 1] = rest * (values[window, mean + 1] + share * distance * distance)


@inline_kernel
def _add_volume(values, window, flow, weight):
    values[window, PACKETS] += weight * flow.packets
    values[window, BYTES_FWD] += weight * flow.bytes_fwd
    values[window, BYTES_BWD] += weight * flow.bytes_bwd
    values[window, RESETS] += weight * flow.reset


@inline_kernel
def _add_opened(values, window, flow, weight):
    values[window, FAILED] += weight * flow.failed
    values[window, UNANSWERED] += weight * flow.unanswered
    size = np.float64(flow.bytes_fwd) + np.float64(flow.bytes_bwd)
    _add_value(values, window, SIZE_MEAN, FLOWS, size, weight)


@inline_kernel
def _update(entry, last_ns, flow, elapsed, weight):
    """Age an entity's sums to its latest flow and add this one; a flow that ended earlier counts as aged already.

    ``elapsed`` holds the decays from the entity's last flow to this one. Returns when its last flow now was.
    """
    if _starts_anew(last_ns, flow.end_ns):
        _clear(entry, flow)
        last_ns = flow.end_ns
    values = entry.values
    _decays(max(last_ns - flow.end_ns, 0), weight)
    if last_ns < flow.end_ns:
        _age(values, elapsed)
        last_ns = flow.end_ns
    entry.first_ns = min(entry.first_ns, flow.start_ns)
    gap_ns = flow.start_ns - entry.last_start_ns
    has_gap = entry.last_start_ns != NEVER and gap_ns >= 0
    for window in range(len(WINDOWS_S)):
        share = weight[window]
        if share > NOTHING:
            _add_volume(values, window, flow, share)
            if not flow.continued:
                _add_opened(values, window, flow, share)
                if has_gap:
                    _add_value(values, window, GAP_MEAN, GAP_WEIGHT, gap_ns * _SECONDS, share)
    if not flow.continued and (entry.last_start_ns == NEVER or gap_ns > 0):
        entry.last_start_ns = flow.start_ns
    return last_ns


@inline_kernel
def _count_distinct(entry, last_ns, place, end_ns, before_ns, elapsed, decay, weight):
    """Add to an entity what one of its distinct things gains by being seen at ``end_ns`` after ``before_ns``.

    What was last seen outside the time that the entity remembers was seen in an earlier life of the entity.
    """
    values = entry.values
    known = before_ns != NEVER and entry.first_ns <= before_ns <= last_ns
    if last_ns == end_ns:
        for window in range(len(WINDOWS_S)):
            values[window, place] += 1.0 - elapsed[window] if known else 1.0
        return
    _decays(last_ns - max(end_ns, before_ns if known else end_ns), weight)
    _decays(last_ns - (before_ns if known else end_ns), decay)
    for window in range(len(WINDOWS_S)):
        values[window, place] += weight[window] - decay[window] if known else weight[window]


@inline_kernel
def _find_entities(row_keys, tags, last_ns, shape, state, before, places):
    for kind in range(ENTITIES):
        start = _bucket(row_keys[kind], shape[kind, 0], shape[kind, 1])
        place = _place(tags, last_ns, start, row_keys[kind], state, 0)
        places[kind] = place
        before[kind] = last_ns[place]


@inline_kernel
def _see_triple(row_keys, end_ns, shape, tags, last_ns, state):
    """Return when source, destination and service were last seen together, and remember that they are now."""
    start = _bucket(row_keys[TRIPLES], shape[TRIPLES, 0], shape[TRIPLES, 1])
    place = _place(tags, last_ns, start, row_keys[TRIPLES], state, 1)
    before_ns = last_ns[place]
    if _starts_anew(before_ns, end_ns):
        last_ns[place] = end_ns
        return NEVER
    last_ns[place] = max(before_ns, end_ns)
    return before_ns


@inline_kernel
def _count_all_distinct(entries, last_ns, places, end_ns, before, elapsed, decay, weight):
    """Destinations, ports and pairs of the source; sources, ports and pairs of the destination; and of the rest."""
    for kind, place, thing in (
        (SOURCE, DISTINCT, PAIR),
        (SOURCE, DISTINCT + 1, SOURCE_SERVICE),
        (SOURCE, DISTINCT + 2, TRIPLES),
        (DESTINATION, DISTINCT, PAIR),
        (DESTINATION, DISTINCT + 1, DESTINATION_SERVICE),
        (DESTINATION, DISTINCT + 2, TRIPLES),
        (PAIR, DISTINCT, TRIPLES),
        (SOURCE_SERVICE, DISTINCT, TRIPLES),
        (DESTINATION_SERVICE, DISTINCT, TRIPLES),
    ):
        entity = places[kind]
        _count_distinct(
            entries[entity], last_ns[entity], place, end_ns, before[thing], elapsed[thing], decay, weight
        )  # fmt: skip


@inline_kernel
def _fetch_ahead(row, keys, tags, last_ns, entries, shape, triple_tags, triple_last_ns):
    """Have the memory of the flows to come brought near: first their buckets, then the entries that they lead to."""
    if row + 12 < len(keys):
        for kind in range(ENTITIES):
            start = _bucket(keys[row + 12, kind], shape[kind, 0], shape[kind, 1])
            prefetch(tags, start, 1)
            prefetch(last_ns, start, 1)
        start = _bucket(keys[row + 12, TRIPLES], shape[TRIPLES, 0], shape[TRIPLES, 1])
        prefetch(triple_tags, start, 1)
        prefetch(triple_last_ns, start, 1)
    if row + 6 < len(keys):
        for kind in range(ENTITIES):
            start = _bucket(keys[row + 6, kind], shape[kind, 0], shape[kind, 1])
            prefetch(entries, _sought(tags, last_ns, start, keys[row + 6, kind]), 8)


@inline_kernel
def _work_out(values, window, statistics):
    """Add what is worked out from means, and make a mean of nothing NaN."""
    sized, paced = values[window, FLOWS] > 0, values[window, GAP_WEIGHT] > 0
    if not sized:
        statistics[SIZE_MEAN] = np.nan
    if not paced:
        statistics[GAP_MEAN] = np.nan
    statistics[SIZE_STD] = sqrt(values[window, SIZE_VARIANCE]) if sized else np.nan
    deviation = sqrt(values[window, GAP_VARIANCE]) if paced else np.nan
    whole = values[window, GAP_MEAN] + deviation
    statistics[GAP_STD] = deviation
    statistics[GAP_REGULARITY] = values[window, GAP_MEAN] / whole if whole > 0 else np.nan


@inline_kernel
def _write_row(entries, places, start_ns, statistics, asked, wanted, found):
    """Write what a flow finds: the statistics of entities and windows that are asked for, and of these the columns.

    ``asked`` (5, 4) is :data:`SUMS` or :data:`MEANS`; ``statistics`` (5, 4, STATISTICS) float32 is scratch; ``wanted``
    (columns,) has the place of each column in it.
    """
    for kind in range(ENTITIES):
        entry = entries[places[kind]]
        statistics[kind, 0, AGE] = (start_ns - entry.first_ns) * _SECONDS
        for window in range(len(WINDOWS_S)):
            if asked[kind, window] >= SUMS:
                for place in range(VALUES):
                    statistics[kind, window, place] = entry.values[window, place]
                if asked[kind, window] >= MEANS:
                    _work_out(entry.values, window, statistics[kind, window])
    flat = statistics.reshape(-1)
    for column in range(len(wanted)):
        found[column] = flat[wanted[column]]


@inline_kernel
def _write_columns(found, rows, columns, first):
    """Write some rows of ``found`` (rows, columns) to the columns from ``first`` on, a cache line of each at a time."""
    for column in range(len(columns)):
        for row in range(rows):
            columns[column, first + row] = found[row, column]


@kernel
def _update_entities(
    flows, keys, tags, last_ns, entries, shape, triple_tags, triple_last_ns, state, scratch, before, places,
    statistics, found, asked, wanted, columns, first,
):  # fmt: skip
    """Update all entities of every flow in turn, and write what each flow then finds to the columns from ``first`` on.

    ``flows`` (rows,) of :data:`FLOW`, ``keys`` of :func:`_entity_keys`; ``shape`` (6, 2) int64 has the first bucket and
    the number of buckets (a power of two) of each table; ``state`` (2,) counts entities and triples that made room.
    ``scratch`` (8, 4) float64, ``before`` (6,) and ``places`` (5,) int64 and ``found`` (rows, columns) are
    scratch; the rest is as in :func:`_write_row`.
    """
    elapsed, decay, weight = scratch[:6], scratch[6], scratch[7]
    waiting = 0
    for row in range(len(flows)):
        _fetch_ahead(row, keys, tags, last_ns, entries, shape, triple_tags, triple_last_ns)
        flow, row_keys = flows[row], keys[row]
        _find_entities(row_keys, tags, last_ns, shape, state, before, places)
        before[TRIPLES] = _see_triple(row_keys, flow.end_ns, shape, triple_tags, triple_last_ns, state)
        for thing in range(ENTITIES + 1):
            if _starts_anew(before[thing], flow.end_ns):
                before[thing] = NEVER
            else:
                _decays(max(flow.end_ns - before[thing], 0), elapsed[thing])
        for kind in range(ENTITIES):
            place = places[kind]
            last_ns[place] = _update(entries[place], last_ns[place], flow, elapsed[kind], weight)
        _count_all_distinct(entries, last_ns, places, flow.end_ns, before, elapsed, decay, weight)
        _write_row(entries, places, flow.start_ns, statistics, asked, wanted, found[waiting])
        waiting += 1
        if waiting == len(found) or row == len(flows) - 1:
            _write_columns(found, waiting, columns, first + row + 1 - waiting)
            waiting = 0


@inline_kernel
def _is_group_address(text, start, end):
    """Return whether the text is a multicast or broadcast address, to which nobody answers (RFC 1112, 919, 4291)."""
    if end - start >= 6 and (text[start] | 0x20) == 0x66 and (text[start + 1] | 0x20) == 0x66:
        return text[start + 4] == 0x3A
    octet, place = 0, start
    while place < end and 0x30 <= text[place] <= 0x39 and octet < 256:
        octet = octet * 10 + text[place] - 0x30
        place += 1
    if place == start or place >= end or text[place] != 0x2E:
        return False
    ends_in_255 = end - start > 4 and text[end - 1] == 0x35 and text[end - 2] == 0x35 and text[end - 3] == 0x32
    return 224 <= octet < 240 or (ends_in_255 and text[end - 4] == 0x2E)


@inline_kernel
def _word(text, start, end):
    """Return up to eight bytes of the text as one number."""
    word = np.uint64(0)
    for place in range(start, min(start + 8, end)):
        word = (word << np.uint64(8)) | np.uint64(text[place])
    return word


@kernel
def hash_addresses(offsets, text, key_low, key_high, hashes, group):
    """Fill the keyed hash of every text, and 1 in ``group`` for multicast and broadcast addresses."""
    for row in range(len(hashes)):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        hashed = np.uint64(end - start)
        for part in range(start, end, 16):
            first, second = _word(text, part, end), _word(text, part + 8, end)
            hashed = siphash_words(key_low, key_high, (hashed, first, second))
        hashes[row] = hashed
        group[row] = _is_group_address(text, start, end)


@kernel
def context_columns(
    flows, tags, last_ns, entries, shape, triple_tags, triple_last_ns, state, scratch, before, places, keys,
    statistics, found, asked, wanted, columns,
):  # fmt: skip
    """Write the context columns (columns, rows) of flows in turn, with the keys of ``len(keys)`` flows at a time."""
    tile = len(keys)
    for first in range(0, len(flows), tile):
        some = flows[first : first + tile]
        _entity_keys(some, keys)
        _update_entities(
            some, keys[: len(some)], tags, last_ns, entries, shape, triple_tags, triple_last_ns, state, scratch, before,
            places, statistics, found, asked, wanted, columns, first,
        )  # fmt: skip

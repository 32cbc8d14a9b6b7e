"""Shapley values of tree ensembles, exact, for a block of rows at once or for one.

What a set of features is worth is the tree's expected score when only they are known: at a split on any other feature
both ways are taken, weighted by the training rows that took them (path-dependent TreeSHAP: Lundberg et al., "From local
explanations to global understanding with explainable AI for trees", Nature Machine Intelligence 2, 2020, Algorithm 2).

For one leaf of value v, let a feature j of its path have the share z of training rows that its splits let through, and
o = 1 where the row itself passes them, else 0. Since s! (d − 1 − s)! / d! is the integral of t^s (1 − t)^(d − 1 − s)
over 0 to 1, the leaf gives feature i

    v (o_i − z_i) ∫ ∏_{j ≠ i} (o_j t + z_j (1 − t)) dt,

a polynomial of degree d − 1, which Gauss-Legendre quadrature with half as many points as features on the longest path
integrates without error. All leaves below a split share its factors, so that one walk through the tree gives all
features: products on the way down, sums on the way up. Cost per row: nodes times points, as in Yu, Bifet, Read, Xu,
"Linear TreeShap", NeurIPS 2022, whose polynomials these are at other points.

Below a split that a row fails, deeper splits on the same feature change nothing for that feature, so nothing is ever
divided by a share, which may be 0.
"""

from __future__ import annotations

from netsift.kernels.jit import inline_kernel, kernel

ROWS = 32
"""Most rows that walk through the trees together, in vector registers; of fewer rows only these walk."""

LEAF = -1


@inline_kernel
def _descend(level, child, goes_left, matrix, start, trees, walk, products, points, lanes):
    """Go from the node at ``level`` to a child: what is known of the rows there, and their products."""
    feature, threshold, left, right, cover, _ = trees
    path, _, share, before, passed = walk
    node = path[level]
    asked = feature[node]
    earlier = level
    while earlier > 0 and feature[path[earlier - 1]] != asked:
        earlier -= 1
    total = cover[left[node]] + cover[right[node]]
    ratio = cover[child] / total if total > 0 else 0.5
    path[level + 1] = child
    before[level + 1] = earlier
    share[level + 1] = share[earlier] * ratio
    for lane in range(lanes):
        below = matrix[min(start + lane, len(matrix) - 1), asked] <= threshold[node]
        passed[level + 1, lane] = passed[earlier, lane] if below == goes_left else 0.0
    for point in range(len(points)):
        rest = 1 - points[point]
        was = points[point] + share[earlier] * rest
        passing = (points[point] + share[level + 1] * rest) / was
        failing = share[level + 1] * rest / was
        for lane in range(lanes):
            now = passed[level + 1, lane]
            then = passed[earlier, lane]
            factor = now * passing + (then - now) * failing + (1 - then) * ratio
            products[level + 1, point, lane] = products[level, point, lane] * factor


@inline_kernel
def _ascend(level, walk, sums, points, weights, values, lanes):
    """Credit the feature whose split leads to ``level`` with what lies below, and hand that on to the parent."""
    _, _, share, before, passed = walk
    earlier = before[level]
    for point in range(len(points)):
        rest = 1 - points[point]
        already = (1 - share[earlier]) / (points[point] + share[earlier] * rest)
        passing = weights[point] * ((1 - share[level]) / (points[point] + share[level] * rest) - already)
        failing = -weights[point] * (1 / rest + already)
        for lane in range(lanes):
            now = passed[level, lane]
            then = passed[earlier, lane]
            values[lane] += (now * passing + (then - now) * failing) * sums[level, point, lane]
            sums[level - 1, point, lane] += sums[level, point, lane]


@kernel
def shapley_values(matrix, trees, quadrature, walk, products, sums, block, out):
    """Add to ``out`` (rows, features) float64 the Shapley value of every feature for every row of ``matrix``, float32.

    ``trees`` are the arrays of all nodes (feature or :data:`LEAF`, threshold, left, right, cover, value) and the roots.
    ``quadrature`` are the points in 0 to 1 and their weights. The rest is memory: ``walk`` (levels,) of int64, int64,
    float64, int64 and (levels, lanes) of float64; ``products`` and ``sums`` (levels, points, lanes), ``block``
    (lanes,), where levels is the number of nodes on the longest path and lanes, 1 to :data:`ROWS`, how many rows walk
    together.
    """
    feature, threshold, left, right, cover, value, roots = trees
    path, visits, share, _, passed = walk
    nodes = (feature, threshold, left, right, cover, value)
    points, weights = quadrature
    lanes = len(block)
    share[0] = 1.0
    passed[0, :] = 1.0
    products[0, :, :] = 1.0
    for start in range(0, len(matrix), lanes):
        for tree in range(len(roots)):
            level = 0
            path[0] = roots[tree]
            visits[0] = 0
            sums[0, :, :] = 0.0
            while level >= 0:
                node = path[level]
                if feature[node] == LEAF:
                    for point in range(len(points)):
                        for lane in range(lanes):
                            sums[level, point, lane] = value[node] * products[level, point, lane]
                elif visits[level] < 2:
                    goes_left = visits[level] == 0
                    child = left[node] if goes_left else right[node]
                    visits[level] += 1
                    _descend(level, child, goes_left, matrix, start, nodes, walk, products, points, lanes)
                    level += 1
                    visits[level] = 0
                    sums[level, :, :] = 0.0
                    continue
                if level > 0:
                    asked = feature[path[level - 1]]
                    block[:] = 0.0
                    _ascend(level, walk, sums, points, weights, block, lanes)
                    for lane in range(min(lanes, len(matrix) - start)):
                        out[start + lane, asked] += block[lane]
                level -= 1


@kernel
def shapley_values_of_row(row, trees, quadrature, walk, factors, out):
    """Add to ``out`` (features,) float64 the Shapley value of every feature for one ``row`` (features,) float32.

    As :func:`shapley_values` reckons, in a quarter of the time that it takes for a single row: a node divides once per
    point, by what its own feature says, and not once for each of its children and for each sum.
    ``quadrature`` has besides points and weights ``1 − point`` and one over that. ``walk`` is memory, (levels,) int64
    four times and float64 once, and (features,) int64 zeros; ``factors`` are three arrays (levels, points) float64:
    products, sums, and one over ``point + share (1 − point)``.
    """
    feature, threshold, left, right, cover, value, roots = trees
    points, weights, rests, inverse_rests = quadrature
    path, visits, before, passed, share, latest = walk
    products, sums, inverse = factors
    count = len(points)
    share[0] = 1.0
    passed[0] = 1
    products[0, :] = 1.0
    inverse[0, :] = 1.0
    for root in roots:
        level = 0
        path[0] = root
        visits[0] = 2 if feature[root] == LEAF else 0
        sums[0, :] = 0.0
        while level > 0 or visits[0] < 2:
            node = path[level]
            if visits[level] == 2:
                below = level
                level -= 1
                asked = feature[path[level]]
                earlier = before[below]
                latest[asked] = earlier
            else:
                goes_left = visits[level] == 0
                child = left[node] if goes_left else right[node]
                visits[level] += 1
                below = level + 1
                asked = feature[node]
                earlier = latest[asked]
                total = cover[left[node]] + cover[right[node]]
                ratio = cover[child] / total if total > 0 else 0.5
                now_share = share[earlier] * ratio
                share[below] = now_share
                passed[below] = passed[earlier] and (row[asked] <= threshold[node]) == goes_left
                if passed[below]:
                    for point in range(count):
                        now = points[point] + now_share * rests[point]
                        products[below, point] = products[level, point] * (now * inverse[earlier, point])
                        inverse[below, point] = 1 / now
                elif passed[earlier]:
                    for point in range(count):
                        now = now_share * rests[point]
                        products[below, point] = products[level, point] * (now * inverse[earlier, point])
                else:
                    for point in range(count):
                        products[below, point] = products[level, point] * ratio
                if feature[child] != LEAF:
                    path[below] = child
                    visits[below] = 0
                    before[below] = earlier
                    latest[asked] = below
                    sums[below, :] = 0.0
                    level = below
                    continue
                for point in range(count):
                    sums[below, point] = value[child] * products[below, point]
            if passed[earlier]:
                absent, absent_now = 1 - share[earlier], 1 - share[below]
                gained = 0.0
                if passed[below]:
                    for point in range(count):
                        change = absent_now * inverse[below, point] - absent * inverse[earlier, point]
                        gained += weights[point] * change * sums[below, point]
                else:
                    for point in range(count):
                        change = inverse_rests[point] + absent * inverse[earlier, point]
                        gained -= weights[point] * change * sums[below, point]
                out[asked] += gained
            for point in range(count):
                sums[level, point] += sums[below, point]

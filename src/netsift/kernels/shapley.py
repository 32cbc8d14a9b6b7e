"""Shapley values of tree ensembles, exact, for a block of rows at once.

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

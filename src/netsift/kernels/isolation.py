"""Path lengths in isolation forests, for a block of rows at once."""

from __future__ import annotations

from netsift.kernels.jit import kernel

LEAF = -1


@kernel
def path_lengths(matrix, feature, threshold, left, right, length, most_depth, total):
    """Add to ``total`` (rows,) what the leaf of each tree stands for that a row of ``matrix`` (rows, columns) comes to.

    ``feature``, ``threshold``, ``left``, ``right`` and ``length`` have shape (trees, nodes). A walk ends in a node
    whose feature is LEAF, or after ``most_depth`` steps. Tree by tree, so that one tree stays in the processor's cache.
    """
    for tree in range(len(feature)):
        for row in range(len(matrix)):
            node = 0
            for _ in range(most_depth):
                asked = feature[tree, node]
                if asked == LEAF:
                    break
                if matrix[row, asked] <= threshold[tree, node]:
                    node = left[tree, node]
                else:
                    node = right[tree, node]
            total[row] += length[tree, node]

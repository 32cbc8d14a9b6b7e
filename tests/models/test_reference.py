"""The reference: what each service of the benign training flows looks like, beside the whole."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.models.reference import LEAST_SERVICE_ROWS, RARE, training_reference
from netsift.models.services import SERVICES

NAMES = ("duration_us", "service")


def rows(counts: dict[str, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return so many rows of each service, whose durations are those of no other service."""
    parts = [
        np.column_stack([np.arange(count) + 1000 * SERVICES.index(name), np.full(count, SERVICES.index(name))])
        for name, count in counts.items()
    ]
    return np.concatenate(parts).astype(np.float32)


def test_services_with_enough_benign_flows_are_described_and_the_others_as_one() -> None:
    matrix = rows({"web": 400, "dns": 200, "ssh": 60, "ftp": 60, "mail": 300})
    classes = np.where(matrix[:, 1] == SERVICES.index("mail"), 1, 0)
    found = training_reference(matrix, classes, ("benign", "scan"), NAMES, np.full(len(matrix), 0.25))
    assert {name: one.rows for name, one in found.services.items()} == {"dns": 200, "web": 400, RARE: 120}
    assert sum(one.rows for one in found.services.values()) == found.rows
    edges = np.array(found.features["duration_us"].quantiles)
    for name, one in found.services.items():
        of_service = ~np.isin(matrix[:, 1], [SERVICES.index("web"), SERVICES.index("dns"), SERVICES.index("mail")])
        if name != RARE:
            of_service = matrix[:, 1] == SERVICES.index(name)
        durations = matrix[of_service, 0]
        expected = [(durations <= edge).mean() for edge in edges]
        assert one.features["duration_us"].cumulative == pytest.approx(expected, abs=1e-4)
        assert one.features["duration_us"].quantiles is None
        assert one.score is not None
        assert one.score.mean == 0.25


def test_too_few_rare_flows_are_not_described() -> None:
    matrix = rows({"web": LEAST_SERVICE_ROWS, "dns": LEAST_SERVICE_ROWS - 1, "mail": 2})
    classes = np.where(matrix[:, 1] == SERVICES.index("mail"), 1, 0)
    found = training_reference(matrix, classes, ("benign", "scan"), NAMES, np.full(len(matrix), -1.0))
    assert list(found.services) == ["web"]
    assert found.services["web"].score is None


def test_without_the_service_nothing_is_told_apart() -> None:
    matrix = rows({"web": 400, "dns": 400})[:, :1]
    classes = np.arange(len(matrix)) % 2
    found = training_reference(matrix, classes, ("benign", "scan"), NAMES[:1], np.full(len(matrix), -1.0))
    assert found.services == {}

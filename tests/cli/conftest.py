"""The program says once that it compiles; the tests of what else it says begin after that."""

from __future__ import annotations

import pytest

from netsift.cli.warmup import warmup


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Compile all kernels of this source, if no earlier run did."""
    warmup()

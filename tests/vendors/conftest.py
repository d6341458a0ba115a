"""A vendor that runs for a test, and may be called."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.vendors.server import Double


@pytest.fixture
def vendor(settings: Settings) -> Iterator[Double]:
    """One number of loopback is admitted, and its neighbours are not."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    with Double() as double:
        yield double

"""A server of tools and a vendor that run for a test, and may be called."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.tools.server import ToolDouble
from tests.vendors.server import Double


@pytest.fixture
def orders(settings: Settings) -> Iterator[ToolDouble]:
    """One number of loopback is admitted, and its neighbours are not."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    with ToolDouble() as double:
        yield double


@pytest.fixture
def vendor(orders: ToolDouble) -> Iterator[Double]:
    """A model vendor beside it."""
    with Double() as double:
        yield double

"""What do tests of accounts find beside the databases? WorkOS, where they ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.workos.server import Double
from tests.workos.stage import Stage, configured


@pytest.fixture
def workos(committed: None, settings: Settings) -> Iterator[Stage]:
    """A running WorkOS that knows the cast, and this process configured to speak to it."""
    with Double() as double, configured(double) as values:
        for name, value in values.items():
            setattr(settings, name, value)
        yield Stage(double)

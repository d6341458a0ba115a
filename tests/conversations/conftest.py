"""What does every test of conversations leave behind? No listening connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conversations import watching


@pytest.fixture(autouse=True)
def _nobody_listens_on() -> Iterator[None]:
    """The connection belongs to the process, and would outlive the database that the test process drops."""
    yield
    watching.HUB.close()

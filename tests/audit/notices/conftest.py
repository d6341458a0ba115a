"""What does every test of notifications begin with? A folder of its own, admitted receivers, and nothing on its way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from audit.notices import keeping, sending
from tests import waiting


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    """The spool of this test; receivers on loopback may be called."""
    settings.AIAXIS_HOME = tmp_path
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def _nothing_on_its_way(committed: None) -> Iterator[None]:
    """A message of this test must not arrive in the next one's tables."""
    keeping._said.clear()
    yield
    assert waiting.until(sending.is_idle), "something is still on its way"

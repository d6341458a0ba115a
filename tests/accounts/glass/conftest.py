"""Every test here commits: a visit is asked for on other connections, by other roles."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def folder(committed: None, settings: Settings, tmp_path: Path) -> Path:
    """The spool of this test alone."""
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"

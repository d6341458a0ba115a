"""What does every test of notifications begin with? A folder of its own, admitted receivers, and the rules untouched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from pytest_django import Settings

from audit.notices import keeping, sending


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    """The spool of this test; receivers on loopback may be called."""
    settings.AIAXIS_HOME = tmp_path
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def _rules_as_they_were(committed: None) -> Iterator[None]:
    """The migration's rules stay for the next test, whatever this one makes of them; and so does nothing on its way."""
    keeping._said.clear()
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS fence.rules_before AS SELECT * FROM audit_rule")
    yield
    patience = time.monotonic() + 15
    while not sending.is_idle() and time.monotonic() < patience:
        time.sleep(0.02)
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM audit_rule; INSERT INTO audit_rule SELECT * FROM fence.rules_before")
        cursor.execute("DROP TABLE fence.rules_before")

"""What must not pass from one test of the audit to the next?"""

import pytest

from audit import health


@pytest.fixture(autouse=True)
def _new_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fall-backs are counted for the life of a process, and a test breaks things on purpose."""
    monkeypatch.setattr(health, "_counters", type(health._counters)())

"""Do operators set how much a workspace may keep, with a reason that its owners read?"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from tests import doors
from tests.aiaxis.test_console import ACMES, REASON, WORKSPACES, recorded
from tests.cast import ACME, ALICE, OLGA
from tests.factories import a_full_desk

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def test_its_quota_is_set_with_a_reason_and_unset_again_in_its_own_trail(folder: Path) -> None:
    """The workspace's owners read in their trail what it was, what it is, and why."""
    a_full_desk(ALICE)
    browser = doors.operator(OLGA)
    assert "24 bytes of 5.0 GB, 1 of 10,000 files" in browser.get(ACMES).content.decode().replace("\xa0", " ")
    for wrong in (
        {"most_megabytes": "-1", **REASON},
        {"most_megabytes": "lots", **REASON},
        {"most_megabytes": "1", "most_files": "2"},
    ):
        assert browser.post(f"{ACMES}limit/", wrong).status_code == 422
    assert recorded(folder) == []
    browser.post(f"{ACMES}limit/", {"most_megabytes": "2048", "most_files": "1", **REASON})
    page = browser.get(ACMES)
    assert "24 bytes of 2.0 GB, 1 of 1 file" in page.content.decode().replace("\xa0", " ")
    assert 'value="2048"' in page.content.decode()
    rows = {row.name: used for row, used in browser.get(WORKSPACES).context["rows"]}
    assert (rows["Acme"].is_nearly_full, rows["Birch"].is_nearly_full) == (True, False)
    browser.post(f"{ACMES}limit/", {"most_megabytes": "2048", "most_files": "1", **REASON})
    browser.post(f"{ACMES}limit/", REASON)
    settings_say, set_now = "MB as the installation says, files as the installation says", "2048 MB, 1 files"
    assert [(one["action"], one["workspace_id"], one["detail"]) for one in recorded(folder)] == [
        ("workspace.limited", str(ACME.id), {"before": settings_say, "after": set_now, **REASON}),
        ("workspace.limited", str(ACME.id), {"before": set_now, "after": settings_say, **REASON}),
    ]

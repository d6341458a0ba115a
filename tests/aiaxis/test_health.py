"""Does a probe hear the truth, and a stranger nothing more?"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from tests.outages import out_of_reach


def test_it_is_alive_without_asking_anybody(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db(databases=["cache", "identity"])
def test_it_is_ready_when_both_systems_answer(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"]["platform database"] == answer.json()["parts"]["identity store"] == "ok"


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize(("alias", "part"), [("cache", "platform database"), ("identity", "identity store")])
def test_it_is_not_ready_when_one_of_them_is_silent(
    client: Client, monkeypatch: pytest.MonkeyPatch, alias: str, part: str
) -> None:
    out_of_reach(alias, monkeypatch)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "parts": answer.json()["parts"]}
    assert answer.json()["parts"][part] == "silent"
    assert b"nonexistent" not in answer.content


@pytest.mark.django_db(databases=["cache", "identity"])
def test_a_spool_that_cannot_be_read_degrades_it_and_stops_nobody(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.AIAXIS_HOME = tmp_path
    (tmp_path / "spool").write_text("A file where the folder should be.")
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["parts"]["audit trail"] == "late"


def test_it_takes_no_writes(client: Client) -> None:
    assert client.post("/readyz").status_code == 405

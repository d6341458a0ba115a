"""Is a reach for another workspace's object told apart from a typo on every route?

All routes are asked for the same rows and by the same credentials, which stand for the module: whatever is asked here is refused,
so nothing changes between one route and the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from audit import services
from audit.shipper import Shipper
from tests import cast, databases, doors
from tests.addresses import WITH_IDS, Address, ids_of, send
from tests.audit.reaching import OF_ACME, desks, reaches
from tests.factories import Desk
from tests.test_every_operation import media, minimal_body
from tests.test_every_url import variants


@dataclass(frozen=True)
class Standing:
    """Alice's desk, Charlie's own, and what he asks with."""

    theirs: Desk
    own: Desk
    browser: Client
    program: Client


@pytest.fixture(scope="module")
def standing(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Standing]:
    """Committed: only the shipper's own connection may ask whose an id is."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        yield Standing(*desks(), doors.browser(cast.CHARLIE), doors.program(cast.CHARLIE))
        databases.put_back()


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.AIAXIS_HOME = tmp_path
    # One key asks for all of them.
    settings.API_RATE = "100000/m"
    yield tmp_path / "spool"
    services._spool(tmp_path / "spool").close()


@pytest.mark.parametrize("address", WITH_IDS, ids=ids_of(WITH_IDS))
def test_an_id_of_another_workspace_in_an_address_is_critical_and_a_missing_one_is_not(
    address: Address, standing: Standing, folder: Path
) -> None:
    """P5, L1: every route with an id, every method, every id alone between one's own; joined on the request id."""
    client = standing.program if address.is_api else standing.browser
    before, foreign = set(reaches()), []
    for method in address.methods:
        for somebodys, nobodys in variants(address, standing.theirs, standing.own):
            if standing.theirs.ids["slug"] in somebodys:
                continue  # A slug is a word that many workspaces may have chosen: it names nobody's object.
            answers = [knock(client, address, method, path) for path in (somebodys, nobodys)]
            assert answers[0].status_code == answers[1].status_code
            if answers[0].status_code != 405:
                foreign.append(answers[0]["X-Request-Id"])
    assert foreign
    Shipper(folder).ship()
    told = {request: said for request, said in reaches().items() if request not in before}
    assert told == dict.fromkeys(foreign, OF_ACME)


def knock(client: Client, address: Address, method: str, path: str) -> Any:
    """Ask as a program or a form would that is right in everything but the id."""
    if not address.is_api:
        return send(client, method, path, False)
    body = b"" if method in ("GET", "HEAD") else minimal_body(address, method)
    return client.generic(method, path, body, media(address, method) if body else "application/octet-stream")

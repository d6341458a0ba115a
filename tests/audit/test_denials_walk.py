"""Is every refused request one entry, whoever sent it and to whichever address? Joined on the request id that each answer names.

`test_every_url.py` asks what the answers are; here the spool is read. What was not refused must leave no refusal either.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client
from pytest_django import Settings

from audit import services, spool
from tests.addresses import ADDRESSES, PUBLIC, Address, ids_of, send
from tests.cast import ADA, ALICE, BOB, CHARLIE, OLGA, VERA
from tests.standing import Standing

REFUSED: Final = {401, 403, 404, 429, 500, 503}
DOORS: Final = ("/sign-in/", "/operator/sign-in/")
LEAD_OUT: Final = {"/sign-out/", "/operator/sign-out/", "/account/sessions/end/", "/people/leave/"}
"""What is asked for here ends at the way in, so being sent there is no refusal."""


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.AIAXIS_HOME = tmp_path
    yield tmp_path / "spool"
    services._spool(tmp_path / "spool").close()


def refusals(folder: Path) -> Counter[str]:
    """How many entries say of each request that it was refused or failed."""
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    return Counter(line["request_id"] for line in lines if line["outcome"] != "allowed")


def is_no(answer: Any, address: Address) -> bool:
    """By its status, or because whoever asked for a closed page got the way in instead: a refusal with a friendly face."""
    if address.pattern not in {*PUBLIC, *LEAD_OUT} and answer.status_code == 302:
        return answer["Location"].partition("?")[0] in DOORS
    return answer.status_code in REFUSED


def clients(address: Address, standing: Standing) -> Iterator[Client]:
    """Nobody, each role of the workspace whose row it is, a stranger, and an operator, who has no key for the API."""
    yield Client()
    for person in (ALICE, ADA, BOB, VERA, CHARLIE):
        yield standing.client_for(address, person)
    yield standing.browser(OLGA)


@pytest.mark.parametrize("address", ADDRESSES, ids=ids_of(ADDRESSES))
def test_each_refused_request_is_one_entry_whoever_sent_it(address: Address, folder: Path, standing: Standing) -> None:
    """P6: for every address, method and role, with ids of somebody else's, which for their owner are their own."""
    theirs = standing.desks[ALICE]
    path = address.path({**theirs.ids, "key": theirs.ids["agent_id"]})
    refused: set[str] = set()
    others: set[str] = set()
    for client in clients(address, standing):
        for method in address.methods:
            answer = send(client, method, path, address.is_api)
            (refused if is_no(answer, address) else others).add(answer["X-Request-Id"])
    told = refusals(folder)
    assert {request: told[request] for request in refused} == dict.fromkeys(refused, 1)
    assert max((told[request] for request in others), default=0) <= 1

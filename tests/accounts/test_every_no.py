"""Every credential, each way in which one of the two systems says no, at every place that answers: is it refused?

P2, L13, L30 and L33: the table is made here and walked, so that a kind of credential or a reason that is added tomorrow is tried at every
place tomorrow. Each credential is first seen to open every place, since a test of a no needs a yes that could have been given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connections
from django.test import Client

from accounts import jobs
from accounts.http import Tenant
from accounts.identity.store.models import Account, StoreKey, StoreSession, VendorKey, VendorSession
from accounts.services import keys
from accounts.tenancy.context import workspace
from files import storage
from tests import doors
from tests.cast import ACME, BOB, acting
from tests.factories import a_full_desk
from tests.workos.stage import Stage


@dataclass(frozen=True)
class Credential:
    """One kind: how it is made, and at which places it opens something."""

    name: str
    make: Callable[[Stage], Client]
    is_key: bool
    is_local: bool


def by_key_of_workos(stage: Stage) -> Client:
    opened = stage.session(BOB)
    with workspace(ACME.id, BOB.membership_id):
        scopes = ["files:read", "conversations:read"]
        minted = keys.mint(actor=opened.tenant, name="Test", scopes=scopes, days=30, once="every-no-of-workos")
    return Client(headers={"Authorization": f"Bearer {minted.value}"})


CREDENTIALS = (
    Credential("a session by password", lambda stage: doors.browser(BOB), is_key=False, is_local=True),
    Credential("a session by single sign-on", lambda stage: stage.browser(BOB), is_key=False, is_local=False),
    Credential("a key of ours", lambda stage: doors.program(BOB), is_key=True, is_local=True),
    Credential("a key of WorkOS", by_key_of_workos, is_key=True, is_local=False),
)


def run(sql: str, *parameters: UUID) -> None:
    """Change the platform's database as its owner."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, parameters)


def store(*models: Any, **changes: object) -> None:
    """Change the identity database's rows of Bob, who is the only one with any."""
    for model in models:
        model.objects.update(**changes)


def withdrawn_here(credential: Credential, stage: Stage) -> None:
    run(f"UPDATE {'accounts_apikey' if credential.is_key else 'accounts_session'} SET revoked_at = now()")


def expired_here(credential: Credential, stage: Stage) -> None:
    run(f"UPDATE {'accounts_apikey' if credential.is_key else 'accounts_session'} SET expires_at = now()")


def identity_withdrawn(credential: Credential, stage: Stage) -> None:
    from django.utils import timezone

    store(*((StoreKey, VendorKey) if credential.is_key else (StoreSession, VendorSession)), revoked_at=timezone.now())


def person_gone_there(credential: Credential, stage: Stage) -> None:
    """The local account is closed, or the person was deleted at WorkOS and the event was read."""
    if credential.is_local:
        Account.objects.filter(pk=BOB.subject).update(is_active=False)
        return
    from accounts.services import directory

    with stage.world.lock:
        stage.world.delete_person(stage.people[BOB])
    assert directory.follow() > 0


INSISTS = "the workspace insists on single sign-on"  # a no to what came in another way
NOES: dict[str, Callable[[Credential, Stage], None]] = {
    "the platform withdrew it": withdrawn_here,
    "it is over": expired_here,
    "the user is inactive": lambda *_: run("UPDATE accounts_user SET is_active = false WHERE id = %s", BOB.user_id),
    "the member is suspended": lambda *_: run(
        "UPDATE accounts_membership SET status = 'suspended' WHERE id = %s", BOB.membership_id
    ),
    "the member is removed": lambda *_: run(
        "UPDATE accounts_membership SET status = 'removed' WHERE id = %s", BOB.membership_id
    ),
    "the workspace is suspended": lambda *_: run(
        "UPDATE accounts_workspace SET status = 'suspended' WHERE id = %s", ACME.id
    ),
    "nothing ties the account to the person": lambda *_: run(
        "DELETE FROM accounts_identitylink WHERE user_id = %s", BOB.user_id
    ),
    INSISTS: lambda *_: run("UPDATE accounts_workspace SET requires_sso = true WHERE id = %s", ACME.id),
    "the identity system withdrew it": identity_withdrawn,
    "the person is gone there": person_gone_there,
}
# A credential that ended does not end what was asked with it while it was good; whoever may no longer act has nothing done.
STOPS_JOBS = {
    "the user is inactive",
    "the member is suspended",
    "the member is removed",
    "the workspace is suspended",
}


PAIRS = [(credential, no) for credential in CREDENTIALS for no in NOES if credential.is_local or no != INSISTS]


@pytest.mark.parametrize(("credential", "no"), PAIRS, ids=lambda one: getattr(one, "name", one))
def test_a_no_of_either_system_is_a_no_everywhere(workos: Stage, credential: Credential, no: str) -> None:
    desk = a_full_desk(BOB)
    with acting(BOB):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days.", name="a.txt"))
    client = credential.make(workos)
    ran, handed_in = prepared_job()
    places = places_for(credential, desk.ids)
    yes = {place: opened(client, place) for place in places}
    assert set(yes.values()) <= {200, 204}, yes
    NOES[no](credential, workos)
    for place in places:
        answer = client.get(place)
        assert answer.status_code == (401 if credential.is_key else 302), (place, answer.status_code)
        assert settings.SESSION_COOKIE_NAME not in answer.cookies
        assert b"".join(getattr(answer, "streaming_content", [answer.content])).find(desk.person.name.encode()) < 0
    if no in STOPS_JOBS:
        with pytest.raises(jobs.JobRefused):
            handed_in()
        assert not ran


def opened(client: Client, place: str) -> int:
    """What the place answers; a download and a stream are let go of at once."""
    answer = client.get(place)
    answer.close()
    return answer.status_code


def places_for(credential: Credential, ids: dict[str, str]) -> list[str]:
    """A page or an operation, lists, a file's own page, its download and a stream, all of them Bob's own."""
    if credential.is_key:
        root = "/api/v1"
        return [
            f"{root}/me",
            f"{root}/files",
            f"{root}/files/{ids['file_id']}",
            f"{root}/files/{ids['file_id']}/content",
            f"{root}/conversations/{ids['conversation_id']}/stream",
        ]
    return [
        "/account/",
        "/files/",
        f"/files/{ids['file_id']}/",
        f"/files/{ids['file_id']}/content/",
        f"/conversations/{ids['conversation_id']}/stream/",
    ]


def prepared_job() -> tuple[list[str], Callable[[], None]]:
    """A job that Bob handed in while everything was well; returns what it leaves when it runs, and what runs it."""
    ran: list[str] = []

    def handler(tenant: Tenant) -> None:
        ran.append(tenant.display_name)

    name = "tests.every_no"
    jobs.REGISTRY[name] = jobs.Registered(name, handler, jobs.QUEUE, "", 0, name, 0, None)
    with acting(BOB):
        message = jobs.sealed(name, ACME.id, BOB.membership_id, {})
    return ran, lambda: jobs.run(1, name, dict(message), 0)

"""Whatever is wrong with a credential: is it refused, told with its reason, answered with something that helps, and never a session?

Issue by issue these are tested where they belong; here each kind goes through the front door once, and the four things are asked of
every one alike, so that a kind that is added tomorrow is held to them as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.identity import links, tokens, vault
from accounts.identity.store.models import Account, MailedLink, StoreSession, VendorSession
from accounts.models import Role, Session
from accounts.services import invitations
from audit import entries
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, acting
from tests.workos import world
from tests.workos.stage import Stage
from tests.workos.tokens import FORGERIES
from tests.workos.walking import CALLBACK, Refusals, go, leave

Attempt = Callable[[Stage], Any]
PAGE, ME = "/account/", "/api/v1/me"


def sessions() -> int:
    """How many sessions are live, of whatever system."""
    live = {"revoked_at__isnull": True}
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_session WHERE revoked_at IS NULL")
        here: int = cursor.fetchone()[0]
    return here + StoreSession.objects.filter(**live).count() + VendorSession.objects.filter(**live).count()


def with_token(forged: str) -> Attempt:
    """A browser whose session holds a token of this kind."""

    def attempt(stage: Stage) -> Any:
        client = stage.browser(BOB)
        row = stage.row()
        claims = stage.double.authenticator.claims(stage.world.sessions[row.vendor_session])
        token = FORGERIES[forged](stage.double.signer, claims)
        row.access_token = vault.sealed(token, field="access", row=str(row.pk))
        row.save(update_fields=["access_token"])
        return lambda: client.get(PAGE)

    return attempt


def expired(stage: Stage) -> Any:
    """A token whose time is over, of a session that WorkOS will not renew."""
    client = stage.browser(BOB)
    stage.let_expire()
    stage.world.end_session(stage.row().vendor_session)
    return lambda: client.get(PAGE)


def replayed(stage: Stage) -> Any:
    """Another session's good token."""
    stage.session(ALICE)
    theirs = stage.row()
    token = vault.opened(theirs.access_token, field="access", row=str(theirs.pk))
    client = stage.browser(BOB)
    row = VendorSession.objects.get(subject=stage.people[BOB].id)
    row.access_token = vault.sealed(token, field="access", row=str(row.pk))
    row.save(update_fields=["access_token"])
    return lambda: client.get(PAGE)


def returning(change: Callable[[dict[str, str]], dict[str, str]], *, elsewhere: bool = False) -> Attempt:
    """A return from WorkOS with something changed, in the browser that left or in another one."""

    def attempt(stage: Stage) -> Any:
        client = Client()
        brought = change(go(leave(client, email=BOB.email)))
        other = Client() if elsewhere else client
        return lambda: other.get(f"{CALLBACK}?{urlencode(brought)}")

    return attempt


def twice(stage: Stage) -> Any:
    """The same return a second time, with the cookie that somebody kept."""
    client = Client()
    brought = go(leave(client, email=BOB.email))
    kept = {name: morsel.value for name, morsel in client.cookies.items()}
    client.get(f"{CALLBACK}?{urlencode(brought)}")
    again = Client()
    for name, value in kept.items():
        again.cookies[name] = value
    return lambda: again.get(f"{CALLBACK}?{urlencode(brought)}")


def as_somebody(email: str, *, verified: bool = True, organization: str = "") -> Attempt:
    """A right sign-in there of somebody whose word opens nothing here."""

    def attempt(stage: Stage) -> Any:
        person = stage.world.person(email)
        person.email, person.email_verified = email, verified
        if organization:
            stage.world.join(person, stage.world.organization(organization))
        stage.double.auto = person
        client = Client()
        brought = go(leave(client))
        return lambda: client.get(f"{CALLBACK}?{urlencode(brought)}")

    return attempt


def unverified(stage: Stage) -> Any:
    """Bob himself, whose address WorkOS has not verified."""
    stage.people[BOB].email_verified = False
    client = Client()
    brought = go(leave(client, email=BOB.email))
    return lambda: client.get(f"{CALLBACK}?{urlencode(brought)}")


def key_sent(*, path: str = ME, **request: Any) -> Attempt:
    """A request with something that is no key, or a key where none belongs."""
    return lambda stage: lambda: Client().get(path, **request)


def two_credentials(path: str) -> Attempt:
    def attempt(stage: Stage) -> Any:
        client, key = doors.browser(ALICE), doors.key(ALICE).value
        return lambda: client.get(path, headers={"authorization": f"Bearer {key}"})

    return attempt


def key_in_query(stage: Stage) -> Any:
    key = doors.key(ALICE).value
    return lambda: Client().get(ME, {"api_key": key})


def webhook(signature: Callable[[Stage, bytes], str | None]) -> Attempt:
    def attempt(stage: Stage) -> Any:
        body = b'{"id": "event_1", "event": "user.deleted"}'
        signed = signature(stage, body)
        headers = {} if signed is None else {"WorkOS-Signature": signed}
        return lambda: Client().post("/webhooks/workos/", body, content_type="application/json", headers=headers)

    return attempt


def mailed(purpose: MailedLink.Purpose, owner: Any, **values: Any) -> str:
    account = Account.objects.get(pk=owner.subject)
    link = links.make(account, purpose, **({"email": "new@acme.test"} if purpose == MailedLink.Purpose.EMAIL else {}))
    token = links.token_of(link)
    if values:
        MailedLink.objects.filter(pk=link.pk).update(**values)
    return token


def reset(token: Callable[[], str | None]) -> Attempt:
    def attempt(stage: Stage) -> Any:
        value = token()
        form = {"new": "n" * 20, "again": "n" * 20, **({} if value is None else {"link": value})}
        return lambda: Client().post("/sign-in/reset/", form)

    return attempt


def confirm(token: Callable[[], str | None]) -> Attempt:
    def attempt(stage: Stage) -> Any:
        client, value = doors.browser(BOB), token()
        return lambda: client.post("/account/email/confirm/", {} if value is None else {"link": value})

    return attempt


def invitation(change: str, *, by: Any = None) -> Attempt:
    """An invitation's link of which this is true, in the hands of somebody who is signed in."""

    def attempt(stage: Stage) -> Any:
        with acting(ALICE):
            made = invitations.send(actor=ALICE.tenant, email="nora@elsewhere.test", role=Role.MEMBER)
            token = change if change in ("", "null", "0" * 43) else invitations.token_of(made)
        if change.startswith("UPDATE"):
            with connections["owner"].cursor() as cursor:
                cursor.execute(change)
        client = doors.browser(by or CHARLIE)
        return lambda: client.post(f"/invitations/{token or 'null'}/join/")

    return attempt


NOW = timezone.now
BAD: dict[str, Attempt] = {
    **{f"a token: {name}": with_token(name) for name in FORGERIES},
    "a token: expired, of a session that is over there": expired,
    "a token: replayed": replayed,
    "a return: another browser": returning(dict, elsewhere=True),
    "a return: another state": returning(lambda said: {**said, "state": "x"}),
    "a return: no code": returning(lambda said: {"state": said["state"]}),
    "a return: a code of nobody": returning(lambda said: {**said, "code": "made-up"}),
    "a return: replayed": twice,
    "a return: begun elsewhere": returning(lambda said: {"code": said["code"]}, elsewhere=True),
    "a return: of another organisation": as_somebody("eve@evil.test", organization="Evil"),
    "a return: unverified address": unverified,
    "a return: look-alike, case": as_somebody("BOB@ACME.TEST"),
    "a return: look-alike, plus": as_somebody("bob+1@acme.test"),
    "a return: look-alike, Unicode": as_somebody("bоb@acme.test"),  # a Cyrillic letter
    "two credentials at the API": two_credentials(ME),
    "two credentials at a page": two_credentials(PAGE),
    "a key in the query": key_in_query,
    "a key with a bad checksum": key_sent(headers={"authorization": f"Bearer {tokens.new_key()[:-1]}!"}),
    "a key that nobody has": key_sent(headers={"authorization": f"Bearer {tokens.new_key()}"}),
    "another scheme": key_sent(headers={"authorization": "Basic YTpi"}),
    "our own server key": key_sent(headers={"authorization": f"Bearer {world.SERVER_KEY}"}),
    "a webhook: unsigned": webhook(lambda stage, body: None),
    "a webhook: signed by another": webhook(lambda stage, body: stage.double.signature(body, secret="x")),
    "a webhook: old": webhook(lambda stage, body: stage.double.signature(body, seconds_ago=600)),
    "a webhook: not ASCII": webhook(lambda stage, body: stage.double.signature(body)[:-1] + "é"),
    "a reset: empty": reset(lambda: ""),
    "a reset: null": reset(lambda: None),
    "a reset: made up": reset(lambda: "0" * 43),
    "a reset: expired": reset(lambda: mailed(MailedLink.Purpose.RESET, BOB, expires_at=NOW() - timedelta(1))),
    "a reset: used": reset(lambda: mailed(MailedLink.Purpose.RESET, BOB, used_at=NOW())),
    "a reset: for something else": reset(lambda: mailed(MailedLink.Purpose.EMAIL, BOB)),
    "another address: empty": confirm(lambda: ""),
    "another address: null": confirm(lambda: None),
    "another address: expired": confirm(lambda: mailed(MailedLink.Purpose.EMAIL, BOB, expires_at=NOW() - timedelta(1))),
    "another address: used": confirm(lambda: mailed(MailedLink.Purpose.EMAIL, BOB, used_at=NOW())),
    "another address: somebody else's": confirm(lambda: mailed(MailedLink.Purpose.EMAIL, CHARLIE)),
    "an invitation: null": invitation("null"),
    "an invitation: made up": invitation("0" * 43),
    "an invitation: expired": invitation("UPDATE accounts_invitation SET expires_at = now()"),
    "an invitation: used": invitation("UPDATE accounts_invitation SET accepted_at = now()"),
    "an invitation: withdrawn": invitation("UPDATE accounts_invitation SET revoked_at = now()"),
    "an invitation: for somebody else": invitation("as it is"),
}
# What a page or a problem has to hold so that somebody honest knows what to do next.
HELPS = (
    "Sign in",
    "sign-in page",
    "Send a valid key",
    "Send exactly one",
    "Ask whoever invited you",
    "Ask for a new",
    "Continue",
    "Sign in with the address",
    "goes on by itself",
)
SERVERS = ("a webhook",)  # nobody reads what they are answered


def pages_of(client: Client, response: Any) -> Iterator[str]:
    yield response.content.decode()
    if response.status_code == 302:
        yield client.get(response.headers["Location"]).content.decode()


@pytest.mark.parametrize("kind", BAD)
def test_it_is_refused_told_helped_and_opens_nothing(workos: Stage, kind: str) -> None:
    """L14, L30, L31, L32, L43, L50."""
    send = BAD[kind](workos)
    before = sessions()
    with Refusals() as heard:
        response = send()
    # Refused: …
    begun_anew = kind == "a return: begun elsewhere"
    assert response.status_code in ((200,) if begun_anew else (302, 400, 401, 403, 404, 410)), response.status_code
    if response.status_code == 302:
        assert response.headers["Location"].startswith("/sign-in/")
    # … told, with the reason; …
    assert len(heard) == 1
    entry = entries.denial(None, status=response.status_code, refusal=heard[0], actor=None)
    said = {name: value for name, value in entry["detail"].items() if value} | {"by": entry["refused_by"]}
    assert entry["outcome"] in ("denied", "failed")
    assert any(said.get(name, "credential") != "credential" for name in ("by", "why", "check")), (entry["action"], said)
    # … answered with what to do next; …
    if not kind.startswith(SERVERS):
        shown = " ".join(pages_of(Client(), response))
        assert any(words in shown for words in HELPS), shown[-1500:]
    # … and nobody is in who was not.
    assert (
        settings.SESSION_COOKIE_NAME not in response.cookies or not response.cookies[settings.SESSION_COOKIE_NAME].value
    )
    assert sessions() <= before
    with acting(CHARLIE):
        assert not Session.objects.exclude(membership_id=CHARLIE.membership_id).exists()

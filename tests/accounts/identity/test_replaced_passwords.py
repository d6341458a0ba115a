"""Does a password that was right a moment ago open anything once it has been replaced, whatever was under way then? (L33)"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connections
from django.test import Client

from accounts.identity import changes, hashing, passwords
from accounts.identity.base import BadCredentials, Proof
from accounts.identity.providers import LOCAL
from accounts.identity.store.models import Account, StoreSession
from accounts.identity.tokens import new_token
from tests import doors
from tests.cast import BOB, PASSWORD
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("committed")
NEW = "seventeen unrelated herons"


def replace(record: Callable[[], None] | None = None) -> None:
    """Bob's password is replaced, as by a mailed link or in another browser of his."""
    account = Account.objects.get(pk=BOB.subject)
    change = changes.NewPassword(hashing.encoded(NEW), passwords.stands_alone(NEW))
    changes.replace_password(account, change, record=record)


@pytest.fixture
def replaced_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password is replaced while the old one, which is right until then, is being compared."""
    real: Callable[[str, str | None], bool] = hashing.matches

    def slowly(password: str, stored: str | None) -> bool:
        right = real(password, stored)
        monkeypatch.setattr(hashing, "matches", real)
        replace()
        return right

    monkeypatch.setattr(hashing, "matches", slowly)


def opened(proof: Proof) -> None:
    """Have the store vouch for whoever brings this proof."""
    LOCAL.open_session(proof, token=new_token(), client=doors.BROWSER, lifetime=600)


def is_right(password: str) -> bool:
    return hashing.matches(password, Account.objects.get(pk=BOB.subject).password)


@pytest.mark.usefixtures("replaced_meanwhile")
def test_a_sign_in_that_was_under_way_opens_nothing() -> None:
    client = Client()
    assert client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 401
    assert client.get("/account/").status_code == 302
    assert not StoreSession.objects.live().exists()
    assert client.post("/sign-in/", {"email": BOB.email, "password": NEW}).status_code == 302


@pytest.mark.usefixtures("replaced_meanwhile")
def test_a_step_up_that_was_under_way_opens_nothing() -> None:
    client = doors.browser(BOB)
    assert client.post("/sign-in/again/", {"password": PASSWORD}).status_code == 401
    assert client.get("/account/").status_code == 302
    assert not StoreSession.objects.live().exists()


@pytest.mark.usefixtures("replaced_meanwhile")
def test_the_old_one_that_is_to_be_hashed_anew_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the parameters of the hash have changed since, each right password is stored anew: in its own place alone."""
    cost = hashing.BoundedArgon2Hasher.time_cost
    hashing.BoundedArgon2Hasher.time_cost = cost + 1
    try:
        with pytest.raises(BadCredentials):
            opened(LOCAL.authenticate_password(email=BOB.email, password=PASSWORD, client=doors.BROWSER))
    finally:
        hashing.BoundedArgon2Hasher.time_cost = cost
    assert (is_right(PASSWORD), is_right(NEW)) == (False, True)


def remembered(purpose: str) -> Proof:
    """A right password that waits for a choice or a second factor, and is used up."""
    token = new_token()
    LOCAL.open_session(doors.proof_of(BOB), token=token, client=doors.BROWSER, lifetime=600, purpose=purpose)
    return LOCAL.use_up(LOCAL.verify_session(token, purpose=purpose))


def moved() -> Proof:
    """A session that goes on in another workspace."""
    return LOCAL.move_session(doors.session(BOB).token, organization_id=None)


FOLLOWING: dict[str, Callable[[], Proof]] = {
    "a choice": lambda: remembered(StoreSession.Purpose.CHOOSING),
    "a second factor": lambda: remembered(StoreSession.Purpose.SECOND),
    "an operator's second factor": lambda: remembered(StoreSession.Purpose.OPERATOR_SECOND),
    "a change of workspaces": moved,
}


@pytest.mark.parametrize("proof", FOLLOWING.values(), ids=FOLLOWING)
def test_what_follows_from_it_opens_nothing_after_it_was_replaced(proof: Callable[[], Proof]) -> None:
    before, after = proof(), proof()
    opened(before)
    replace()
    with pytest.raises(BadCredentials):
        opened(after)
    assert not StoreSession.objects.live().exists()


def test_a_proof_that_does_not_say_which_password_opens_nothing() -> None:
    with pytest.raises(BadCredentials):
        opened(Proof(doors.identity_of(BOB)))


def test_a_remembered_password_is_used_up_once() -> None:
    token = new_token()
    LOCAL.open_session(doors.proof_of(BOB), token=token, client=doors.BROWSER, lifetime=600, purpose="choosing")
    identity = LOCAL.verify_session(token, purpose="choosing")
    LOCAL.use_up(identity)
    with pytest.raises(BadCredentials):
        LOCAL.use_up(identity)


BLOCKED = "SELECT count(*) FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY(pg_blocking_pids(l.pid))"


def somebody_waits() -> bool:
    """Does somebody wait for what this connection holds?"""
    with connections["identity"].cursor() as cursor:
        cursor.execute(BLOCKED)
        return bool(cursor.fetchone()[0])


def test_a_session_that_is_stored_at_the_same_moment_is_not_missed() -> None:
    """It is on its way while the change, which has ended all the others, is not committed yet."""
    proof = doors.proof_of(BOB)
    refused: list[bool] = []

    def opens() -> None:
        try:
            opened(proof)
        except BadCredentials:
            refused.append(True)
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    thread = threading.Thread(target=opens)

    def under_way() -> None:
        thread.start()
        assert until(somebody_waits)

    replace(record=under_way)
    thread.join(PATIENCE)
    assert refused == [True]
    assert not StoreSession.objects.live().exists()

"""Does the database believe the application's claims, and nobody else's?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, connections
from pytest_django import Settings

from accounts.tenancy import claims
from accounts.tenancy.context import Binding, seal
from tests import cast

pytestmark = pytest.mark.django_db(databases=["default", "owner"])


def verified(sealed: str | None, purpose: str = "join") -> dict[str, str]:
    """Ask the function as its owner: the application calls only functions that ask it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT fence.verified_claims(%s, %s)", [sealed, purpose])
        answer: dict[str, str] = json.loads(cursor.fetchone()[0])
        return answer


def test_it_believes_what_the_application_sealed() -> None:
    assert verified(claims.sealed("join", email="zoë@acme.test"))["email"] == "zoë@acme.test"


def test_it_refuses_another_purpose() -> None:
    with pytest.raises(DatabaseError, match="something else"):
        verified(claims.sealed("invitation", email="bob@acme.test"))


def test_it_refuses_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LIFETIME_SECONDS", -1)
    with pytest.raises(DatabaseError, match="over"):
        verified(claims.sealed("join"))


FORGERIES: tuple[Callable[[str], str | None], ...] = (
    lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
    lambda text: "claims:e30=" + text[-65:],
    lambda _: "",
    lambda _: None,
)


@pytest.mark.parametrize("forged", FORGERIES)
def test_it_refuses_what_was_forged(forged: Callable[[str], str | None]) -> None:
    """L43: an empty or missing one as well."""
    with pytest.raises(DatabaseError, match="not sealed"):
        verified(forged(claims.sealed("join")))


def test_a_context_is_no_claim(settings: Settings) -> None:
    """One key seals both, so each must be of no use in the other's place."""
    context = seal(Binding(cast.ACME.id, cast.ALICE.membership_id), settings.FENCE_KEY)
    with pytest.raises(DatabaseError, match="not sealed"):
        verified(context)


def test_a_claim_opens_no_workspace() -> None:
    # On the owner's plain connection, where no context of the backend's own comes in front of the statement.
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('fence.ctx', %s, true)", [claims.sealed("join")])
        with pytest.raises(DatabaseError, match="uuid"):
            cursor.execute("SELECT fence.current_workspace()")


def test_the_application_itself_cannot_ask() -> None:
    with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("SELECT fence.verified_claims(%s, 'join')", [claims.sealed("join")])

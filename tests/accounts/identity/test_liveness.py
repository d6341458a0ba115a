"""Does each thing that can end, end every credential at once? (L13: two ways in and one check.)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.http import Tenant
from accounts.identity import resolution
from accounts.identity.base import Revoked
from accounts.identity.store.models import Account
from accounts.models import IdentityLink, Membership, Role, User, Workspace
from accounts.tenancy.context import whole_workspace
from tests import doors
from tests.cast import ACME, BOB

pytestmark = pytest.mark.usefixtures("committed")


def test_it_refuses_every_credential_of_a_suspended_member() -> None:
    """L13: one function for all credentials, so that one no closes every door."""
    token, value = doors.session(BOB).token, doors.key(BOB).value
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(status="suspended")
    _refuses_both(token, value, why="membership_inactive")


def test_it_refuses_every_credential_of_an_inactive_user() -> None:
    token, value = doors.session(BOB).token, doors.key(BOB).value
    User.objects.using("owner").filter(pk=BOB.user_id).update(is_active=False)
    _refuses_both(token, value, why="user_inactive")


def test_it_refuses_every_credential_of_a_suspended_workspace() -> None:
    token, value = doors.session(BOB).token, doors.key(BOB).value
    Workspace.objects.using("owner").filter(pk=ACME.id).update(status="suspended")
    _refuses_both(token, value, why="workspace_inactive")


def test_it_refuses_every_credential_of_an_unlinked_identity() -> None:
    token, value = doors.session(BOB).token, doors.key(BOB).value
    IdentityLink.objects.using("owner").filter(user_id=BOB.user_id).delete()
    _refuses_both(token, value, why="identity_unlinked")


def test_it_refuses_every_credential_of_an_inactive_account() -> None:
    token, value = doors.session(BOB).token, doors.key(BOB).value
    Account.objects.filter(pk=BOB.subject).update(is_active=False)
    _refuses_both(token, value, why="identity")


def test_it_narrows_a_keys_scopes_to_the_members_role_now() -> None:
    value = doors.key(BOB, ["agents:read", "agents:write"]).value
    assert resolution.resolve_key(value).scopes == {"agents:read", "agents:write"}
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(role=Role.VIEWER)
    assert resolution.resolve_key(value).scopes == {"agents:read"}


def _refuses_both(token: str, value: str, *, why: str) -> None:
    ways: tuple[tuple[Callable[[str], Tenant], str], ...] = (
        (resolution.resolve_session, token),
        (resolution.resolve_key, value),
    )
    for resolve, credential in ways:
        with pytest.raises(Revoked, match=why):
            resolve(credential)

"""What happens to a credential when its member leaves, changes role, or one of the two systems falls silent?"""

from __future__ import annotations

import pytest
from django.conf import settings

from accounts.models import Membership
from tests.cast import ALICE, BOB, acting
from tests.doors import browser, program
from tests.outages import out_of_reach

ME = "/api/v1/me"
PAGE = "/account/"


@pytest.mark.parametrize("status", ["suspended", "removed"])
def test_a_member_who_left_is_refused_with_every_credential(status: str, committed: None) -> None:
    """L13: one resolution for every credential, so a suspension closes session and key together."""
    people = [browser(BOB), program(BOB)]
    assert [people[0].get(PAGE).status_code, people[1].get(ME).status_code] == [200, 200]
    with acting(BOB):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(status=status)
    assert [people[0].get(PAGE).status_code, people[1].get(ME).status_code] == [302, 401]


def test_a_role_change_takes_effect_with_the_next_request(committed: None) -> None:
    client = program(BOB)
    with acting(BOB):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(role="viewer")
    answer = client.get(ME).json()
    assert answer["role"] == "viewer"
    assert not [scope for scope in answer["scopes"] if scope.endswith(":write")]


@pytest.mark.parametrize("alias", ["default", "identity"])
def test_an_outage_is_503_and_lets_nobody_in(alias: str, monkeypatch: pytest.MonkeyPatch, committed: None) -> None:
    """P2: silence of either system is a refusal, and signs nobody out."""
    page, api = browser(ALICE), program(ALICE)
    with monkeypatch.context() as patched:
        out_of_reach(alias, patched)
        responses = [page.get(PAGE), api.get(ME)]
    for response in responses:
        assert response.status_code == 503
        assert int(response["Retry-After"]) > 0
        assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert page.get(PAGE).status_code == 200

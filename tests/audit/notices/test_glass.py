"""Is breaking the glass told at once, each time, to operators and to whoever the workspace has named?"""

from __future__ import annotations

from pathlib import Path

from accounts.glass import services
from audit.notices import services as notices
from audit.notices.models import Kind
from audit.shipper import Shipper
from tests.accounts.glass import stage
from tests.audit.notices import desk
from tests.cast import ALICE, CHARLIE, Person, acting
from tests.receivers import Receiver, receiver


def hook_of(person: Person, url: str) -> None:
    with acting(person) as tenant:
        notices.add(actor=tenant, name="Glass", kind=Kind.WEBHOOK, address=url, least="info", actions=["glass.opened"])


ASKED, OPENED = "Critical: Operator asked to break the glass", "Critical: Glass broken: an operator may read here"


def told(hook: Receiver) -> list[str]:
    """What was raised, in its words."""
    return sorted(body["data"]["heading"] for body in desk.bodies(hook) if body["type"] == "alarm.raised")


def test_each_visit_is_critical_and_never_one_more_of_another(folder: Path) -> None:
    """P7: also the second one of the same operator, to the same workspace, a minute later."""
    with receiver() as operators, receiver() as acmes, receiver() as birchs:
        desk.operators_channel(operators.url, least="critical")
        hook_of(ALICE, acmes.url)
        hook_of(CHARLIE, birchs.url)
        browser = stage.console()
        for _ in range(2):
            visit = stage.asked(browser)
            services.close(stage.operator_in(browser), visit_id=visit.pk)
        Shipper(folder).ship()
        desk.decide_and_send()
        assert told(operators) == sorted([ASKED, OPENED] * 2)
        assert told(acmes) == [OPENED] * 2
        assert told(birchs) == []

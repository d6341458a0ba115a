"""Does each page of the console ask the databases the same few questions, however much there is to show?

What a question takes with a thousand workspaces and a million entries is measured by `make bench` (`tests/bench/console.py`).
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from pytest_django import Settings

from accounts import isolation
from accounts.glass import services as glass
from accounts.http import Refusal
from accounts.jobs import enqueue
from accounts.models import Membership, User, Workspace
from accounts.operators import Operator
from accounts.tenancy.context import whole_workspace
from audit import coverage, entries, ledger
from audit.checks.models import Proof as IsolationProof
from audit.notices import operating
from audit.notices.models import OperatorChannel, Rule
from audit.reviews import services as reviews
from files import jobs as reading
from tests import doors
from tests.accounts.operating import olga
from tests.audit.test_entries_walk import named
from tests.cast import ACME, ALICE, CHARLIE, OLGA, acting
from tests.factories import a_full_desk

pytestmark = pytest.mark.usefixtures("committed")

MOST = 10
"""Questions of one page, to every database together, those of its sign-in included."""
READ = ("operator.read",)


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> None:
    settings.AIAXIS_HOME = tmp_path


def furnish(number: int) -> dict[str, str]:
    """More of everything that a page lists, ``number`` times; the ids of one of each."""
    operator = olga()
    made = [_one_more(f"{number}-{place}", operator_channel=place < 3) for place in range(number)]
    for person in (ALICE, CHARLIE):
        for _ in range(number // 4):
            a_full_desk(person, "workspace")
    with acting(ALICE):
        jobs = [enqueue(reading.read, file_id=str(place)) for place in range(number)]
    with connections["owner"].cursor() as cursor:
        for job in jobs[::2]:
            # Through the state before it, so that the job runner's own triggers note when.
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [job])
            cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [job])
    reviews.note(operator, fingerprint=made[0]["fingerprint"], text="Seen.")
    reviews.assign(operator, fingerprint=made[0]["fingerprint"])
    channel = OperatorChannel.objects.using("owner").order_by("pk").values_list("pk", flat=True)[0]
    operating.test_channel(operator=operator, channel=channel)
    isolation.findings_at_start()
    return {
        **made[0],
        "visit": str(_visited(operator)),
        "run": str(IsolationProof.objects.using("ops").values_list("pk", flat=True)[0]),
        "channel": str(channel),
        "rule": str(Rule.objects.using("owner").values_list("pk", flat=True)[0]),
    }


def _one_more(mark: str, *, operator_channel: bool) -> dict[str, str]:
    """A workspace with its member, a refusal there, and for some a channel of the operators."""
    place = Workspace.objects.using("owner").create(name=f"Company {mark}", slug=f"company-{mark}")
    user = User.objects.using("owner").create(email=f"person@company-{mark}.test", display_name="Person")
    with whole_workspace(place.pk):
        Membership.objects.using("owner").create(user=user, role="owner", display_name="Person", email=user.email)
    refusal = Refusal("not_found", "request.refused", "warning")
    entry = entries.denial(None, status=404, refusal=refusal, actor=ALICE.tenant) | {"workspace_id": str(place.pk)}
    ledger.post([entries.encode(entry)])
    if operator_channel:
        values = {"name": mark, "kind": "email", "address": f"{mark}@aiaxis.test", "least": "info"}
        operating.add_channel(operator=olga(), heartbeat=False, **values)
    return {"entry": entry["id"], "fingerprint": entry["fingerprint"]}


def _visited(operator: Operator) -> UUID:
    """A visit that was asked for and is over: while one is open, the same operator cannot ask for another."""
    visit = glass.ask(operator, place=ACME.id, reason="A file is never found.", ticket="HELP-1", minutes=15)
    glass.close(operator, visit_id=visit.pk)
    return visit.pk


def pages(ids: dict[str, str]) -> dict[str, str]:
    """Every page that leaves the entry of an operator's reading, with something to show where its address names one."""
    rows = {
        "operator:accounts_workspace_change": str(ACME.id),
        "operator:accounts_user_change": str(ALICE.user_id),
        "operator:audit_entry_change": ids["entry"],
        "operator:audit_operatorchannel_change": ids["channel"],
        "operator:audit_rule_change": ids["rule"],
    }
    named_so = {
        "run_id": ids["run"],
        "visit_id": ids["visit"],
        "place_id": str(ACME.id),
        "fingerprint": ids["fingerprint"],
    }
    return {
        name: address.path({"row_id": rows.get(name, ""), **named_so})
        for name, address in named(get_resolver())
        if coverage.ENTRIES.get(name) == READ
    }


def asked(browser: Client, address: str) -> int:
    with ExitStack() as stack:
        logs = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in connections]
        assert browser.get(address).status_code == 200, address
    return sum(len(log) for log in logs)


def test_every_page_asks_the_same_few_questions_of_little_and_of_much() -> None:
    browser = doors.operator(OLGA)
    ids = furnish(4)
    few = {name: asked(browser, address) for name, address in pages(ids).items()}
    assert len(few) > 12
    # The proof of the latest start takes the place of the one before.
    ids["run"] = furnish(12)["run"]
    many = {name: asked(browser, address) for name, address in pages(ids).items()}
    assert many == few
    assert {name: count for name, count in many.items() if count > MOST} == {}

"""Does the page say what is so in this deployment, to each their own, and does it change when the deployment does?"""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import ProgrammingError, connections, transaction
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.glass.models import Visit
from accounts.tenancy.context import whole_workspace
from accounts.tenancy.models import new_id
from aiaxis.protection import facts, living, standing
from aiaxis.protection.facts import Live
from aiaxis.protection.promise import PROMISES
from audit import entries, ledger
from audit.checks import services
from tests import cast
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.doors import browser

PAGE, REPORT, TRUST = "/protection/", "/protection/report/", "/trust/"
committed = pytest.mark.usefixtures("committed")


def live_for(person: Person) -> Live:
    with acting(person) as tenant:
        return facts.read(tenant)


def said(person: Person, name: str) -> str:
    return next(one.text for row in living.facts(live_for(person)).values() for one in row if one.name == name)


def stands(name: str) -> str:
    return next(one.text for row in standing.facts().values() for one in row if one.name == name)


def a_report(**changed: Any) -> dict[str, Any]:
    report = {
        "proven_at": timezone.now().isoformat(timespec="milliseconds"), "seconds": 4.2, "findings": [], "attacks": 0,
        "tries": 0, "leaks": 0, "broken": 0, "leaking": [], "tables": 77, "server_version": "18.6", "sections": [],
        "attacked": [],
    }  # fmt: skip
    return {**report, **changed}


def a_visit(person: Person, **values: Any) -> None:
    now = timezone.now()
    with acting(person) as tenant:
        visit = Visit(
            workspace_id=tenant.workspace_id, operator_id=new_id(), operator_name="Olga", session_id=new_id(),
            reason="A secret reason", ticket="T-1", minutes=15, asked_at=now, until=now + timedelta(minutes=15),
            opened_at=now, pages=7,
        )  # fmt: skip
        for name, value in values.items():
            setattr(visit, name, value)
        visit.save(using="owner")


def test_the_promise_is_told_word_for_word() -> None:
    """What a customer reads here and what docs/promise.md binds to code and tests are the same words."""
    document = Path("docs/promise.md").read_text(encoding="utf-8").replace("\n> ", " ")
    for one in PROMISES:
        assert f"## {one.mark} · {one.title}" in document
        for words in one.words:
            assert words in document, one.mark


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_every_member_reads_it_and_it_costs_the_same(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for person in (ALICE, BOB, VERA, CHARLIE):
        reader = browser(person)
        with django_assert_max_num_queries(8, connection=connections["default"]):
            answer = reader.get(PAGE)
        page = answer.content.decode()
        assert page.count('<section class="section promise"') == len(PROMISES) == 9
        assert "None in the last 90 days." in page
        assert "The attacks have not been tried on this deployment yet." in page


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_nobody_reads_what_lives_and_anybody_what_stands(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """P1. A visitor's page asks no database, so it can say nothing of anybody, and costs nobody anything."""
    assert Client().get(PAGE).status_code == 302
    with django_assert_num_queries(0):
        page = Client().get(TRUST).content.decode()
    assert "Every query is filtered and scoped to your workspace." in page
    assert "addresses, of which" in page
    assert "in the last 90 days" not in page.lower()


@pytest.mark.django_db(databases=["default"])
def test_the_function_answers_members_only() -> None:
    """Work for a whole workspace, behind which no member stands, and nobody at all are told nothing."""
    for words, bound in (
        ("no workspace is bound", contextlib.nullcontext()),
        ("only members", whole_workspace(cast.ACME.id)),
    ):
        with (
            pytest.raises(ProgrammingError, match=words),
            transaction.atomic(),
            bound,
            connections["default"].cursor() as cursor,
        ):
            cursor.execute("SELECT fence.protection()")


@committed
def test_what_a_proof_found_is_told_and_where_a_hole_is_is_not() -> None:
    """P5. The page changes with the proof; the report that an owner takes home names no table and no attack that got through."""
    assert "have not been tried" in said(BOB, "Attacks")
    services.keep_proof(a_report(attacks=48, tries=96), origin="terminal")
    assert "48 attacks in 96 tries" in said(BOB, "Attacks")
    assert "Leaks: 0." in said(BOB, "Attacks")
    assert "77 tables and partitions of PostgreSQL 18.6" in said(BOB, "Proof")
    taken = browser(ALICE).get(REPORT)
    assert (taken["Content-Type"], json.loads(taken.content)["attacks"]) == ("application/json", 48)
    hole = {"findings": [{"where": "agents_agent", "what": "has no policy"}], "leaks": 1}
    leaking = [{"attack": "reads agents by a join", "front": "workspace", "leaks": ["a row"], "broken": []}]
    services.keep_proof(a_report(attacks=48, tries=96, leaking=leaking, **hole), origin="terminal")
    assert "not every attack was refused" in said(BOB, "Attacks")
    for told in (browser(ALICE).get(REPORT).content.decode(), browser(CHARLIE).get(PAGE).content.decode()):
        assert "agents_agent" not in told
        assert "by a join" not in told


@pytest.mark.django_db(databases=["default", "identity", "cache", "seal", "owner"])
def test_the_report_is_an_owners() -> None:
    assert browser(ALICE).get(REPORT).status_code == 404, "there is none yet"
    assert [browser(one).get(REPORT).status_code for one in (ADA, BOB, VERA)] == [403, 403, 403]
    assert REPORT not in browser(ADA).get(PAGE).content.decode()


@committed
def test_each_workspace_reads_of_its_own_visits_and_entries_alone() -> None:
    """P9. Birch was visited and has entries; Acme's page says nothing of it, and a member's page not when a colleague acted."""
    a_visit(CHARLIE)
    long_ago = timezone.now() - timedelta(days=91)
    a_visit(CHARLIE, opened_at=long_ago, asked_at=long_ago, until=long_ago)
    fact = entries.fact("agent.created", actor=CHARLIE.tenant)
    ledger.post([entries.encode(fact)])
    assert said(CHARLIE, "Visits of operators to your content").startswith("In the last 90 days: 1, of 7 pages")
    assert said(ALICE, "Visits of operators to your content") == "None in the last 90 days."
    assert (live_for(CHARLIE).entries, live_for(ALICE).entries) == (1, 0)
    page = browser(CHARLIE).get(PAGE).content.decode()
    assert "A secret reason" not in page
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM audit_unsealed")
    ledger.post([entries.encode(entries.fact("agent.created", actor=ALICE.tenant))])
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM audit_unsealed")
    assert live_for(ALICE).sealed_until is not None
    assert live_for(BOB).sealed_until is None


@committed
def test_seals_that_are_late_and_a_trail_that_is_broken_are_told() -> None:
    """P6."""
    assert said(BOB, "Seals").startswith("In time.")
    with connections["owner"].cursor() as cursor:
        cursor.execute("INSERT INTO audit_unsealed VALUES ('01890000-0000-7000-8000-00000000dead')")
        cursor.execute(
            "INSERT INTO audit_check (id, about_id, state, asked_at, asked_name, ended_at, attempts, holds, result, done, total) "
            "VALUES (%s, %s, 'done', now(), 'Alice', now(), 1, false, '{}', 0, 0)",
            [new_id(), cast.ACME.id],
        )
    assert said(BOB, "Seals").startswith("Late:")
    assert "something is not what was sealed" in said(BOB, "Check of this workspace’s trail")
    assert said(CHARLIE, "Check of this workspace’s trail").startswith("Nobody here has asked")


def test_it_follows_the_settings_of_the_process() -> None:
    """Each fact that a setting decides changes with it."""
    on = {"WORKOS_API_KEY": "sk_1", "WORKOS_CLIENT_ID": "client_1", "WORKOS_ISSUER": "https://api.workos.com"}
    changes: list[tuple[str, dict[str, Any]]] = [
        ("WorkOS", on),
        ("Single sign-on", on),
        ("Sessions", {"SIGN_IN_SECONDS": 86_400}),
        ("Sensitive acts", {"RECENT_LOGIN_SECONDS": 60}),
        ("Operators", {"OPERATOR_NETWORKS": ["10.0.0.0/8"]}),
        ("Breached passwords", {"BREACHED_PASSWORDS_FILE": "/srv/breaches"}),
        ("Guessing passwords", {"SIGN_IN_LIMIT_PER_ACCOUNT": 7}),
        ("Mail", {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}),
        ("Reports of crashes", {"SENTRY_DSN": "https://key@sentry.example/1"}),
        ("Secrets", {"MODEL_KEY": f"{'n' * 32},{'o' * 32}"}),
        ("Where files lie", {"STORAGES": {"default": {"BACKEND": "storages.backends.s3.S3Storage"}}}),
    ]
    for name, changed in changes:
        before = stands(name)
        with override_settings(**changed):
            assert stands(name) != before, name


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_no_secret_stands_on_either_page() -> None:
    """L44: whoever reads the page learns that keys are there, and nothing by which one could be guessed."""
    pages = browser(ALICE).get(PAGE).content.decode() + Client().get(TRUST).content.decode()
    for secret in (settings.SECRET_KEY, settings.MODEL_KEY, settings.NOTIFY_KEY, str(settings.AIAXIS_HOME)):
        assert secret not in pages
    for alias in settings.DATABASES:
        assert settings.DATABASES[alias]["PASSWORD"] not in pages

"""Does a program that repeats a request get the first one's answer, and make nothing twice?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import recurring
from accounts.repeats.models import KILLED_AFTER, Repeat
from agents.models import Agent
from files.models import File
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, acting

in_a_transaction = pytest.mark.django_db(databases=doors.DOORS)
KEY = {"Idempotency-Key": "k-1"}


def make(client: Client, name: str = "Desk", **headers: str) -> Any:
    return client.post("/api/v1/agents", {"name": name}, content_type="application/json", headers=headers)


@in_a_transaction
def test_the_same_request_gets_the_same_answer_and_another_one_is_refused() -> None:
    alice = doors.program(ALICE)
    first, again = make(alice, **KEY), make(alice, **KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (again["Idempotent-Replayed"], "Idempotent-Replayed" in first) == ("true", False)
    assert make(alice, "Other", **KEY).status_code == 422
    elsewhere = alice.post("/api/v1/conversations", {"agent_id": "x"}, content_type="application/json", headers=KEY)
    assert elsewhere.status_code == 422
    with acting(ALICE):
        assert Agent.objects.count() == 1


@in_a_transaction
def test_nobody_else_gets_it() -> None:
    """A colleague and a stranger who use the same key each make their own."""
    clients = [doors.program(person) for person in (ALICE, BOB, CHARLIE)]
    assert len({make(client, **KEY).json()["id"] for client in clients}) == 3


@in_a_transaction
def test_an_upload_is_repeated_by_its_bytes() -> None:
    alice = doors.program(ALICE)

    def upload(content: bytes) -> Any:
        return alice.post("/api/v1/files", {"file": SimpleUploadedFile("a.txt", content)}, headers=KEY)

    first, again, other = upload(b"Refunds take ten days."), upload(b"Refunds take ten days."), upload(b"Eleven.")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    with acting(ALICE):
        assert File.objects.count() == 1


@in_a_transaction
def test_what_was_refused_may_be_tried_again() -> None:
    alice = doors.program(ALICE)
    assert make(alice, "", **KEY).status_code == 422
    assert make(alice, "Desk", **KEY).status_code == 201


@in_a_transaction
def test_one_that_is_at_work_is_waited_for_and_one_that_was_killed_is_not() -> None:
    alice = doors.program(ALICE)
    make(alice, **KEY)
    with acting(ALICE):
        Repeat.objects.update(status=None)
    waiting = make(alice, **KEY)
    assert (waiting.status_code, waiting["Retry-After"]) == (409, "1")
    with acting(ALICE):
        Repeat.objects.update(created_at=timezone.now() - KILLED_AFTER - timedelta(seconds=1))
    # Its answer was lost, and what it had made is found by its own name: still one.
    assert make(alice, **KEY).status_code == 201
    with acting(ALICE):
        assert Agent.objects.count() == 1


@in_a_transaction
def test_a_key_that_may_not_is_told_no_answer_of_before() -> None:
    alice = doors.program(ALICE, ["agents:read"])
    assert make(alice, **KEY).status_code == 403
    with acting(ALICE):
        assert not Repeat.objects.exists()


def test_answers_go_after_a_day(committed: None) -> None:
    for name, hours in (("k-1", 25), ("k-2", 23)):
        make(doors.program(ALICE), **{"Idempotency-Key": name})
        with acting(ALICE):
            Repeat.objects.filter(created_at__gt=timezone.now() - timedelta(hours=1)).update(
                created_at=timezone.now() - timedelta(hours=hours)
            )
    recurring.sweep_repeats()
    with acting(ALICE):
        [left] = Repeat.objects.all()
        assert left.created_at > timezone.now() - timedelta(hours=24)


@in_a_transaction
def test_every_answer_says_what_the_key_may_still_ask(settings: Settings) -> None:
    settings.API_RATE = "2/m"
    alice, bob = doors.program(ALICE), doors.program(BOB)
    first, second, third = (alice.get("/api/v1/me") for _ in range(3))
    assert first["RateLimit-Policy"] == '"key";q=2;w=60'
    assert [answer["RateLimit"].partition(";t=")[0] for answer in (first, second, third)] == [
        '"key";r=1',
        '"key";r=0',
        '"key";r=0',
    ]
    assert (second.status_code, third.status_code) == (200, 429)
    assert 1 <= int(third["Retry-After"]) <= 60
    # Refusals are counted and told as well, and another key has an allowance of its own.
    assert bob.get("/api/v1/agents/nobodys")["RateLimit"].startswith('"key";r=1;')
    models = bob.get("/v1/models")
    assert models["X-RateLimit-Remaining-Requests"] == "0"
    stopped = bob.get("/v1/models")
    assert (stopped.status_code, stopped.json()["error"]["code"]) == (429, "rate_limit_exceeded")

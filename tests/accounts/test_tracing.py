"""Can one request be followed from its caller through jobs, the trail and other systems, and is nothing decided by it?"""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from hypothesis import given
from hypothesis import strategies as some

from accounts import jobs
from accounts.http import Tenant
from accounts.identity.workos import connection
from accounts.requests import answering, current_origin, describe
from accounts.tracing import Origin, accepted, current_job, following
from audit import entries
from tests import cast, doors
from tests.accounts.test_jobs import run_waiting
from tests.receivers import answers, receiver

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{SPAN}-01"
SEEN: list[tuple[Origin, int | None, entries.Entry]] = []


@jobs.job("tests.follow")
def follow(tenant: Tenant) -> None:
    SEEN.append((current_origin(), current_job(), entries.fact("file.ready", actor=tenant)))


@pytest.fixture(autouse=True)
def _empty() -> None:
    SEEN.clear()


def a_request(**headers: str) -> Any:
    from django.test import RequestFactory

    return describe(RequestFactory().get("/files/", headers=headers), "/files/")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (SENT, SENT),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (
            f"cc-{TRACE}-{SPAN}-01-what-comes-later",
            SENT,
        ),  # a later version may say more; what we know of it is passed on
        (f"cc-{TRACE}-{SPAN}-01", SENT),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),  # flags of which nobody knows yet what they promise
        (f"00-{TRACE}-{SPAN}-04", f"00-{TRACE}-{SPAN}-00"),
        (f"{SENT}-more", ""),
        (f"cc-{TRACE}-{SPAN}-01.more", ""),
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-{SPAN}-01", ""),
        (f"00-{TRACE[:-1]}-{SPAN}-01", ""),
        (f"{SENT},{SENT}", ""),  # two headers, of which each program on the way may read another
        (f"{SENT}\n", ""),
        (f" {SENT}", ""),
        (f"00-{TRACE}-{SPAN}-٠١", ""),
        ("", ""),
    ],
)
def test_a_trace_is_taken_as_the_standard_says_or_not_at_all(sent: str, kept: str) -> None:
    assert accepted(sent) == kept


@given(some.text(max_size=80))
def test_whatever_else_is_sent_is_as_if_nothing_were(sent: str) -> None:
    kept = accepted(sent)
    assert kept == "" or re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", kept)


def test_what_goes_out_has_the_callers_trace_and_a_span_of_its_own() -> None:
    with answering(a_request(traceparent=SENT)):
        first, second = (current_origin().headers()["traceparent"] for _ in range(2))
    assert {first[:36], second[:36]} == {f"00-{TRACE}-"}
    assert len({first[36:52], second[36:52], SPAN}) == 3
    assert first[52:] == "-01"
    assert accepted(first) == first


def test_a_request_that_brought_no_trace_begins_one_under_its_own_id() -> None:
    with answering(a_request(traceparent="nonsense")) as context:
        sent = current_origin().headers()["traceparent"]
    assert sent[3:35] == context.request_id.hex
    assert accepted(sent) == sent


def test_where_nothing_is_followed_nothing_is_said() -> None:
    assert current_origin().headers() == {}


@pytest.mark.usefixtures("committed")
def test_a_job_goes_back_to_the_request_that_asked_for_it() -> None:
    with cast.acting(cast.ALICE), answering(a_request(traceparent=SENT)) as context:
        number = jobs.enqueue(follow)
    run_waiting()
    [(origin, job, entry)] = SEEN
    assert origin == Origin(context.request_id, SENT)
    assert job == number
    assert entry["trace"] == {"request": str(context.request_id), "traceparent": SENT}
    assert (current_origin(), current_job()) == (Origin(), None)


@pytest.mark.usefixtures("committed")
def test_a_job_of_an_earlier_version_runs_and_goes_back_to_nothing() -> None:
    with cast.acting(cast.ALICE) as tenant:
        row = jobs.sealed("tests.follow", tenant.workspace_id, tenant.membership_id, {})
    assert "origin" not in json.loads(row["message"])
    jobs.run(7, "tests.follow", row, 0)
    assert SEEN[0][0] == Origin()
    assert SEEN[0][2]["trace"] == {}


@pytest.mark.usefixtures("committed")
def test_a_job_whose_origin_was_changed_is_refused() -> None:
    """P3: it stands under the seal, like everything else that a job says."""
    with cast.acting(cast.ALICE) as tenant, answering(a_request(traceparent=SENT)):
        row = jobs.sealed("tests.follow", tenant.workspace_id, tenant.membership_id, {}, current_origin())
    row["message"] = row["message"].replace(TRACE, "1" * 32)
    with pytest.raises(jobs.JobRefused, match="forged"):
        jobs.run(7, "tests.follow", row, 0)
    assert SEEN == []


@pytest.mark.usefixtures("committed")
def test_a_denial_and_a_fact_carry_the_trace_and_a_malformed_one_is_nowhere() -> None:
    browser = doors.browser(cast.ALICE)
    browser.get("/trail/", headers={"traceparent": SENT})
    with cast.acting(cast.ALICE), answering(a_request(traceparent=SENT)):
        assert entries.fact("file.ready", actor=cast.ALICE.tenant)["trace"] == {"traceparent": SENT}
    with answering(a_request(traceparent="canary-4711")):
        denied = entries.denial(None, status=404, refusal=None, actor=None)
    assert "canary" not in json.dumps(denied)


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_nothing_is_decided_by_a_trace() -> None:
    """Somebody else's trace is no way in, and a broken one is no way out."""
    for sent in (SENT, "x" * 5000, f"00-{cast.ALICE.membership_id.hex}-{SPAN}-01"):
        stranger = Client(headers={"traceparent": sent})
        assert stranger.get("/files/").status_code == 302
        member = doors.browser(cast.ALICE)
        assert member.get("/files/", headers={"traceparent": sent}).status_code == 200


def test_a_call_to_workos_says_by_which_trace_it_can_be_followed() -> None:
    with receiver(answers(200, b"{}", **{"Content-Type": "application/json"})) as workos:
        url = f"http://127.0.0.1:{workos.port}"
        made = connection._made("sk_test_key", "client_one", "https://issuer.test", url)
        with following(Origin(UUID(int=1), SENT)):
            made.client.request_raw("post", ("events",))
        made.client.request_raw("post", ("events",))
        made.client.close()
        first, second = workos.received
    assert first.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert SPAN not in first.headers["traceparent"]
    assert first.headers["authorization"] == "Bearer sk_test_key"
    assert "traceparent" not in second.headers


@pytest.mark.usefixtures("committed")
def test_the_trail_holds_the_trace_of_what_was_refused() -> None:
    from audit.services import record, spool_folder
    from audit.shipper import Shipper

    with answering(a_request(traceparent=SENT)) as context:
        record(entries.denial(context, status=404, refusal=None, actor=None))
    Shipper(spool_folder()).ship()
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT trace FROM audit_entry WHERE request_id = %s", [context.request_id])
        [(trace,)] = cursor.fetchall()
    assert json.loads(trace) if isinstance(trace, str) else trace == {"traceparent": SENT}

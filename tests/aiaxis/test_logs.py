"""Is a line of the log one line, one object, joined to its request, and without a word of a client's?"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connections
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils.log import log_response
from pytest_django import Settings

from accounts import answered, jobs
from accounts.requests import answering, describe
from accounts.tenancy.context import workspace
from accounts.tracing import Origin, following
from aiaxis import accesses, logs
from audit.redaction import LogLine
from tests import cast, doors
from tests.accounts.test_jobs import note, run_waiting
from tests.listening import listening

HOSTILE = 'Eve\r\n2026-01-01 ERROR forged: "x"\x1b[2J\u202egpj\u2028\x00<b>'
CANARY = "canary-4711"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Written:
    """A logger of its own, and what it wrote."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.text = io.StringIO()
        handler = logging.StreamHandler(self.text)
        handler.setFormatter(formatter)
        handler.addFilter(LogLine())
        self.logger = logging.getLogger(f"test.{uuid4().hex}")
        self.logger.propagate = False
        self.logger.addHandler(handler)

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.getvalue().splitlines()]


@pytest.fixture
def written() -> Written:
    return Written(logs.Json())


def a_request(**headers: str) -> Any:
    return describe(RequestFactory().get("/files/", headers=headers), "/files/")


def test_a_record_is_one_object_that_says_to_what_it_belongs(written: Written) -> None:
    sent = f"00-{TRACE}-00f067aa0ba902b7-01"
    with workspace(cast.ACME.id, cast.ALICE.membership_id), answering(a_request(traceparent=sent)) as context:
        written.logger.warning("The %s is late.", "shipper")
    [line] = written.objects()
    assert (line["level"], line["message"], line["request"]) == (
        "warning",
        "The shipper is late.",
        str(context.request_id),
    )
    assert (line["trace"], line["workspace"], line["pid"]) == (TRACE, str(cast.ACME.id), os.getpid())
    assert datetime.fromisoformat(line["at"]).tzinfo == UTC
    assert cast.ACME.name not in written.text.getvalue()


class Unspeakable:
    """What a library may hand to its log."""

    def __str__(self) -> str:
        raise LookupError(CANARY)


@pytest.mark.parametrize("words", [("%s of %d", CANARY), ("%d", CANARY), ("%s", Unspeakable()), (Unspeakable(),)])
def test_a_line_whose_words_do_not_fit_breaks_nothing_of_whoever_logs(
    words: tuple[Any, ...], written: Written, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python's own handlers tell standard error of it, with what was to be said; a library's slip must not end a request either."""
    written.logger.warning(*words)
    [line] = written.objects()
    shown = words[0] if isinstance(words[0], str) else "Unspeakable"
    assert line["message"] == f"{shown} [its values do not fit]"
    assert CANARY not in written.text.getvalue() + "".join(capfd.readouterr())


def test_a_record_of_a_job_says_which_and_for_which_request(written: Written) -> None:
    request = uuid4()
    with following(Origin(request), job=17):
        written.logger.error("It failed.")
    written.logger.error("Nothing is followed.")
    first, second = written.objects()
    assert (first["job"], first["request"]) == (17, str(request))
    assert not {"job", "request", "trace", "workspace"} & set(second)


@pytest.mark.usefixtures("committed")
def test_a_job_that_fails_says_in_the_log_which_request_asked_for_it(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is written by the worker, whose thread answers no request."""
    monkeypatch.setattr(jobs.log, "handlers", written.logger.handlers)
    with cast.acting(cast.ALICE), answering(a_request()) as context:
        number = jobs.enqueue(note, word="broken")
    run_waiting()
    [line] = written.objects()
    assert (line["job"], line["request"]) == (number, str(context.request_id))
    assert line["workspace"] == str(cast.ACME.id)
    assert line["error"]["type"] == "builtins.ValueError"


@pytest.mark.parametrize("formatter", [logs.Json(), logs.Plain()], ids=["json", "plain"])
def test_hostile_values_stay_on_one_line_and_steer_nothing(formatter: logging.Formatter) -> None:
    """L44."""
    written = Written(formatter)
    written.logger.error("Reading %s failed", HOSTILE)
    text = written.text.getvalue()
    assert text.count("\n") == 1
    assert not set("\r\x1b\u202e\u2028\x00") & set(text)
    assert "Reading Eve" in text


def test_a_secret_in_a_line_is_blotted_out(written: Written) -> None:
    """L44."""
    written.logger.error("GET /reset/%s?token=%s with Bearer %s", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA", CANARY, CANARY)
    assert CANARY not in written.text.getvalue()
    assert "Zm9vYmFyYmF6cXV4" not in written.text.getvalue()


@pytest.mark.usefixtures("committed")
def test_a_failure_is_its_kind_and_its_place_and_not_the_row_that_a_database_quotes(written: Written) -> None:
    """L44: PostgreSQL's sentence about a duplicate holds the values, which are a customer's."""
    row = "INSERT INTO accounts_workspace (id, name, slug, status, created_at) VALUES (gen_random_uuid(), 'x', %s, 'active', now())"
    with connections["owner"].cursor() as cursor:
        cursor.execute(row, [CANARY])
        with pytest.raises(IntegrityError, match=CANARY) as raised:
            cursor.execute(row, [CANARY])
    written.logger.error("A row could not be written.", exc_info=raised.value)
    [line] = written.objects()
    assert CANARY not in written.text.getvalue()
    assert line["error"]["type"] == "django.db.utils.IntegrityError"
    assert line["error"]["because"]["type"] == "psycopg.errors.UniqueViolation"
    assert any(place.startswith("tests/aiaxis/test_logs.py:") for place in line["error"]["at"])


def test_a_person_sees_where_it_failed_and_no_line_of_it_passes_for_a_record() -> None:
    written = Written(logs.Plain())
    try:
        raise ValueError(HOSTILE)  # noqa: TRY301 - as below
    except ValueError:
        written.logger.exception("It failed.")
    first, *rest = written.text.getvalue().splitlines()
    assert first.endswith("It failed.")
    assert rest
    assert all(line.startswith("    ") for line in rest)
    assert "test_logs.py" in written.text.getvalue()
    assert not set("\r\x1b\u202e\u2028\x00") & set(written.text.getvalue())


@pytest.mark.parametrize("message", ["€" * 100_000, "a" * 100_000, "\x00" * 5000])
def test_no_line_is_longer_than_a_pipe_takes_whole(written: Written, message: str) -> None:
    written.logger.error(message)
    [line] = written.text.getvalue().splitlines()
    assert len(line) < logs.LONGEST
    assert json.loads(line)["level"] == "error"


def test_what_django_says_of_an_answer_names_its_request(written: Written) -> None:
    """It says so when the answer is finished and no request is under way any more."""
    request = RequestFactory().get("/files/")
    with answering(describe(request, "/files/")) as context:
        request.request_id = str(context.request_id)  # type: ignore[attr-defined]  # as the gate of denials does
    log_response(
        "Service Unavailable: %s", "/files/", response=HttpResponse(status=503), request=request, logger=written.logger
    )
    [line] = written.objects()
    assert (line["level"], line["request"]) == ("error", str(context.request_id))


def test_what_nothing_caught_is_a_record_too(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("aiaxis"), "handlers", written.logger.handlers)
    try:
        raise RuntimeError(CANARY)  # noqa: TRY301 - what is tested is what becomes of it
    except RuntimeError as error:
        logs._uncaught(type(error), error, error.__traceback__)
    [line] = written.objects()
    assert (line["level"], line["error"]["type"]) == ("critical", "builtins.RuntimeError")
    assert CANARY not in written.text.getvalue()


def test_what_python_can_tell_nobody_is_a_record_too(
    written: Written, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By itself it prints the sentence of the failure, and its trace on many lines."""

    class Cleared:
        def __del__(self) -> None:
            raise ValueError(CANARY)

    monkeypatch.setattr(logging.getLogger("aiaxis"), "handlers", written.logger.handlers)
    for place, name in ((sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))  # Put back afterwards, as they are the process's own.
    monkeypatch.setattr(logging, "captureWarnings", lambda capture: None)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    logs.begin()
    Cleared()
    [line] = written.objects()
    assert (line["level"], line["error"]["type"]) == ("error", "builtins.ValueError")
    assert "Cleared.__del__" in line["message"]
    assert CANARY not in written.text.getvalue() + capfd.readouterr().err


# --- One line for each request ---------------------------------------------------------------------------------------


@pytest.fixture
def lines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The lines of the requests of this test, as they come out of a pipe."""
    settings.LOG_FORMAT = "json"
    found: list[dict[str, Any]] = []

    def put(target: int, piece: bytes, *, patience: int) -> bool:
        assert len(piece) <= logs.LONGEST
        found.extend(json.loads(line) for line in piece.splitlines())
        return True

    monkeypatch.setattr(accesses, "_put", put)
    with listening(accesses.write):
        yield found


@pytest.mark.usefixtures("committed")
def test_each_request_is_one_line_without_a_value_that_it_carried(lines: list[dict[str, Any]]) -> None:
    """L44: the pattern and not the path, no query, no header, no name."""
    member = doors.browser(cast.ALICE)
    responses = [
        member.get(f"/files/?q={CANARY}", headers={"user-agent": CANARY, "referer": f"https://a.test/{CANARY}"}),
        member.get(f"/files/{uuid4()}/"),
        Client().get(f"/nowhere/{CANARY}/"),
        Client().post("/sign-in/", {"email": CANARY, "password": CANARY}),
    ]
    answered.hand_over()
    assert [line["request"] for line in lines] == [response["X-Request-Id"] for response in responses]
    assert [line["status"] for line in lines] == [response.status_code for response in responses]
    assert [line["route"] for line in lines] == ["/files/", "/files/<uuid:file_id>/", "", "/sign-in/"]
    assert [line["method"] for line in lines] == ["GET", "GET", "GET", "POST"]
    assert (lines[0]["workspace"], "workspace" in lines[2]) == (str(cast.ACME.id), False)
    assert (lines[1]["denied"], "denied" in lines[0]) == ("request.refused", False)
    assert all(line["ms"] > 0 and line["trace"] for line in lines)
    assert CANARY not in json.dumps(lines)
    assert cast.ALICE.email not in json.dumps(lines)


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_a_caller_finds_its_trace_in_the_line(lines: list[dict[str, Any]]) -> None:
    Client().get("/sign-in/", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    Client().get("/sign-in/", headers={"traceparent": f'"}}{CANARY}'})
    answered.hand_over()
    assert lines[0]["trace"] == TRACE
    assert lines[1]["trace"] == lines[1]["request"].replace("-", "")


def test_a_collector_that_hangs_holds_up_nobody_and_is_told_how_much_it_missed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody reads takes 64 KiB and then nothing for ever."""
    settings.LOG_FORMAT = "json"
    monkeypatch.setattr(accesses, "PATIENCE_MILLISECONDS", 0)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as target, os.fdopen(reading, "rb", 0) as source:
        monkeypatch.setattr(sys, "__stderr__", target)
        one = answered.Answered(a_request(), 200, 0.001, "", None)
        for _ in range(40):
            accesses.write([one] * 50)
        missed = accesses._unwritten[0]
        assert 0 < missed < 2000
        read = source.read(1 << 20)
        accesses.write([one])
        assert accesses._unwritten[0] == 0
        more = source.read(1 << 20)
    assert read.count(b"\n") + missed == 2000
    assert f"{missed} lines of requests were not written" in json.loads(more.splitlines()[0])["message"]


def test_a_listener_that_fails_keeps_no_other_from_hearing() -> None:
    heard: list[answered.Answered] = []

    def broken(batch: list[answered.Answered]) -> None:
        raise OSError("the disk is full")

    one = answered.Answered(a_request(), 200, 0.001, "", None)
    with listening(broken), listening(heard.extend):
        answered.note(one)
        answered.hand_over()
    assert heard == [one]


def test_a_process_that_nobody_listens_in_keeps_nothing() -> None:
    answered.note(answered.Answered(a_request(), 200, 0.001, "", None))
    assert not answered._state.waiting

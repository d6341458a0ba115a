"""Does every operation of the API answer as its own description says, whatever is sent to it?

Schemathesis reads the description and thinks of what to send: values at and past each bound, fields left out or of the wrong kind,
methods that are not there. Some of it for each operation is sent in every run, all of it in `make soak`, and there
tests/test_description_long.py adds what is made up at random.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import schemathesis
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from files import storage
from tests.cast import ALICE, acting
from tests.standing import Standing, undone

CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]
# Every so many of what there is to send to an operation, so that some of each sort is among them, and up to so many looked at.
EACH_TIME: Final = (5, 45)
EVERYTHING: Final = (1, 10_000)
# Where it comes no further than the door: no agent is found to ask, since no worker would answer, and made-up bytes are no document.
NOT_REACHED: Final = frozenset({"POST /v1/chat/completions", "POST /api/v1/files"})
# What no description can say: who is chosen has to be a member, and a question stands in one place only.
TOGETHER: Final[dict[str, Any]] = {
    "shared_with": [],
    "visibility": "private",
    "writer": "builtin",
    "parent_id": None,
    "instead_of": None,
}
# What says nothing of an operation itself: nobody got as far as its own code.
AT_THE_DOOR: Final = frozenset({401, 403, 404, 405, 415, 422, 429})


class Server(WSGIHandler):
    """What a server runs, read to its end as a client does."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        answer = super().__call__(environ, start_response)
        try:
            return [b"".join(answer)]
        finally:
            answer.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """As Django's own client does, it leaves the connections alone in which the test's transactions are."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield Server()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("part", [EACH_TIME, pytest.param(EVERYTHING, marks=pytest.mark.soak)], ids=["some", "all"])
def test_every_operation_answers_as_it_is_described(
    part: tuple[int, int], server: Server, standing: Standing, settings: LazySettings
) -> None:
    """L42: whatever comes is answered by what the description promises, and never by a failure of ours."""
    settings.API_RATE = "1000000/m"
    desk = standing.desks[ALICE]
    with acting(ALICE):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days..."))
    headers = {"Authorization": str(standing.program(ALICE).defaults["HTTP_AUTHORIZATION"])}
    ids = {**desk.ids, "key": desk.ids["agent_id"], "person": desk.ids["member_id"], "model": "nobody"}
    statuses: dict[str, set[int]] = defaultdict(set)
    faults = []
    for case in cases(server, part):
        refer(case, ids)
        try:
            with undone(("default",)):
                answer = case.call_and_validate(headers=headers, checks=CHECKS)
        except FailureGroup as fault:
            faults.append(str(fault))
        else:
            statuses[case.operation.label].add(answer.status_code)
    assert not faults, "\n".join([f"{len(faults)} faults, among them:", *faults[:3]])
    assert len(statuses) > 40
    # What it stands on: every operation was reached with something that its own code answered.
    assert {label for label, told in statuses.items() if told <= AT_THE_DOOR} <= NOT_REACHED


def cases(server: Server, part: tuple[int, int]) -> Iterator[Case[Any]]:
    """What follows from the description, the same each time: of each operation first what is right, then what is not."""
    every, most = part
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server, config=schemathesis.Config(seed=1))
    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        made = described.iter_coverage_cases(
            operation,
            generation_modes=list(GenerationMode),
            generation_config=described.config.generation_for(operation=operation, phase="coverage"),
        )
        yield from itertools.islice(made, 0, most, every)


def refer(case: Case[Any], ids: Mapping[str, str]) -> None:
    """Let the case name rows that are there, but where it was made to name none."""
    wrong = {place for place in ParameterLocation if case.meta and case.meta.is_negative_at(place)}
    if ParameterLocation.PATH not in wrong:
        case.path_parameters = {name: ids.get(name, value) for name, value in case.path_parameters.items()}
    if ParameterLocation.QUERY not in wrong and "person" in (case.query or {}):
        case.query = {**case.query, "person": ids["person"]}
    if ParameterLocation.BODY not in wrong and isinstance(case.body, dict):
        case.body = {name: _there(name, value, ids) for name, value in case.body.items()}
    if case.method.upper() != case.operation.method.upper() and isinstance(case.body, dict):
        # Who asks is never for the client to say; only where OpenAI's clients send this is it dropped, and not refused.
        case.body.pop("user", None)


def _there(name: str, value: Any, ids: Mapping[str, str]) -> Any:
    if name in TOGETHER:
        return TOGETHER[name]
    if isinstance(value, list) and name.endswith("_ids"):
        return [ids[name.removesuffix("s")]] * bool(value)
    return ids[name] if isinstance(value, str) and name in ids else value


@pytest.mark.parametrize(("method", "status"), [("get", 404), ("head", 404), ("delete", 204)])
def test_a_file_whose_bytes_are_gone_is_told_so_and_can_be_deleted(
    standing: Standing, method: str, status: int
) -> None:
    """A lost disk is nobody's mistake at the keyboard, and no failure of the server at each request either."""
    file = standing.desks[ALICE].rows["file_id"]
    with acting(ALICE):
        storage.delete(file.storage_key)
    address = f"/api/v1/files/{file.pk}" + ("" if method == "delete" else "/content")
    answer = getattr(standing.program(ALICE), method)(address)
    assert answer.status_code == status
    if method == "get":
        assert (
            answer.json()["detail"] == "The bytes of this file are gone from where they were stored. Upload it again."
        )

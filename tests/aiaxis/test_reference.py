"""Is every operation of the API told on a page that a developer can read, with an example that works?"""

from __future__ import annotations

import html
import json
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.http.response import HttpResponseBase
from django.test import Client

from accounts.routes import operation_of, route_of
from accounts.scopes import EVERY
from aiaxis.reference.document import document
from aiaxis.reference.examples import JSON, SAMPLES
from aiaxis.reference.operations import Operation, shapes, subjects
from tests.cast import ALICE
from tests.doors import program
from tests.factories import a_full_desk
from tests.test_every_operation import WITHOUT_SCOPE

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])
PAGE = "/docs/api/"
TOLD = [operation for subject in subjects() for operation in subject.operations]


def sent(client: Client, example: str, ids: dict[str, str]) -> HttpResponseBase:
    """Do what the command says, with rows of the desk for those that it names."""
    for name, sample in SAMPLES.items():
        example = example.replace(f"/{sample}", f"/{ids[name]}").replace(
            f'"{name}": "{sample}"', f'"{name}": "{ids[name]}"'
        )
    words = shlex.split(example.replace("\\\n", " "))
    [url] = [word for word in words if word.startswith(settings.PUBLIC_URL)]
    data = words[words.index("-d") + 1] if "-d" in words else ""
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if data else "GET"
    assert "Authorization: Bearer $KEY" in words
    parts = urlsplit(url)
    # Where curl is given a body it says what kind, as the command must.
    media = next((word.partition(": ")[2] for word in words if word.startswith("Content-Type")), "")
    assert bool(media) is bool(data)
    return client.generic(method, f"{parts.path}?{parts.query}", data, media)


def test_every_operation_is_told_whole() -> None:
    """Each has a summary, a purpose, its scope and an example: in the document, and on the page."""
    page = html.unescape(Client().get(PAGE).content.decode())
    told = {(method, one.address): one for one in TOLD for method in one.methods}
    described = {(m.upper(), path): one for path, each in document()["paths"].items() for m, one in each.items()}
    assert told.keys() == described.keys()
    for (method, address), one in told.items():
        assert one.summary, address
        assert one.paragraphs, address
        assert one.scope in EVERY or address in WITHOUT_SCOPE, (method, address)
        assert one.example.startswith("curl "), address
        for words in (one.summary, one.address, one.example, *(each.name for each in (*one.parameters, *one.body))):
            assert words in page, (address, words)


def test_the_scope_that_is_told_is_the_one_that_is_asked(rf: Any) -> None:
    """A key made by this page must open what it was made for; and no more is asked of people than is needed."""
    for one in TOLD:
        path = one.address
        for parameter in one.parameters:
            path = path.replace(f"{{{parameter.name}}}", SAMPLES.get(parameter.name, ""))
        for method in one.methods:
            operation = operation_of(route_of(rf.generic(method, path)).view, method)  # type: ignore[arg-type]  # never None here
            assert operation is not None
            assert getattr(operation.view_func, "required_scope", "") == one.scope, (method, path)
            # Ninja makes a summary of the function's name where there is none, which says nothing to anybody.
            assert one.summary != operation.view_func.__name__.title().replace("_", " "), path


def test_what_answers_name_stands_on_the_page() -> None:
    names = {shape.name for shape in shapes()}
    fields = [field for one in TOLD for field in (*one.parameters, *one.body)]
    fields += [field for shape in shapes() for field in shape.fields]
    assert {field.shape for field in fields} | {each.shape for one in TOLD for each in one.answers} == names | {""}
    page = Client().get(PAGE).content.decode()
    for name in names:
        assert page.count(f'id="shape-{name}"') == 1


def test_the_page_asks_no_database_and_holds_nobodys_data(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = Client().get(PAGE)
    assert answer.status_code == 200
    assert settings.PUBLIC_URL in answer.content.decode()


def reads(one: Operation) -> bool:
    return one.methods[0] == "GET"


def test_the_examples_that_read_work_as_they_stand() -> None:
    """Those that name a row are sent with a row of the desk; the others as they are."""
    client, desk = program(ALICE), a_full_desk(ALICE)
    ids = {**desk.ids, "key": desk.ids["agent_id"], "model": desk.ids["agent_id"]}
    for one in TOLD:
        # The bytes of the desk's file are nowhere, and its stream is followed elsewhere.
        if reads(one) and not one.address.endswith(("/content", "/stream")):
            answer = sent(client, one.example, ids)
            assert answer.status_code == 200, (one.address, answer)


def test_the_examples_that_write_hold_a_body_that_is_accepted() -> None:
    client, desk = program(ALICE), a_full_desk(ALICE)
    ids = {**desk.ids, "key": desk.ids["agent_id"], "model": desk.ids["agent_id"]}
    tried = set()
    for one in TOLD:
        if f"Content-Type: {JSON}" in one.example and not one.address.startswith("/v1/"):
            answer = sent(client, one.example, ids)
            assert 200 <= answer.status_code < 300, (one.address, getattr(answer, "content", b""))
            tried.add((one.methods[0], one.address))
    assert {method for method, _ in tried} >= {"POST", "PATCH", "PUT"}
    assert json.loads(json.dumps(document())) == Client().get("/api/v1/openapi.json").json()

"""Can a request say who it is, in any place and in any spelling?"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from ninja import File, NinjaAPI, UploadedFile

from accounts.access import accepts, public
from accounts.middleware.reserved import CHUNK, LARGEST_READ_PAST, RESERVED, RESERVED_IN_BODY, compared
from accounts.schemas import Body
from accounts.signals import access_denied
from tests.cast import ALICE, BIRCH
from tests.doors import browser, program

PROXIES = [
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-CSRFToken",
    "X-User-Agent",
    "X-Amzn-Trace-Id",
    "X-Client-Ip",
    "X-Original-Url",
]
pytestmark = [pytest.mark.django_db(databases=["default", "identity", "cache"]), pytest.mark.urls(__name__)]


class ThingIn(Body):
    name: str


class InvitationIn(Body):
    email: str
    role: str


api = NinjaAPI(urls_namespace="tests", docs_url=None, openapi_url=None)


@api.post("/things")
def make(request: HttpRequest, body: ThingIn) -> dict[str, str]:
    return {"name": body.name}


@api.get("/things")
def look(request: HttpRequest, q: str = "") -> dict[str, str]:
    return {"q": q}


@api.post("/invitations")
def invite(request: HttpRequest, body: InvitationIn) -> dict[str, str]:
    return {"role": body.role}


@api.post("/uploads")
def upload(request: HttpRequest, file: Annotated[UploadedFile, File()]) -> dict[str, str]:
    return {"name": str(file.name)}


@public
def open_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse("opened")


def closed_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse("opened to a member")


@public
@accepts("role")
def invitation_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"role {request.POST['role']}")


urlpatterns = [
    path("api/v1/", api.urls),
    path("form/", open_form),
    path("closed/", closed_form),
    path("invite/", invitation_form),
    path("sign-in/", open_form),
]

handler400 = "accounts.problems.bad_request"
handler404 = "accounts.problems.not_found"

SPELLINGS = [
    "workspace_id",
    "workspaceId",
    "WORKSPACE-ID",
    "Workspace_Id",
    "workspace__id",
    "workspace_id[]",
    "ｗorkspace_id",
]
VALUE = str(BIRCH.id)


@pytest.fixture
def refusals() -> Iterator[list[Any]]:
    heard: list[Any] = []

    def hear(refusal: Any, **facts: Any) -> None:
        heard.append(refusal)

    access_denied.connect(hear)
    yield heard
    access_denied.disconnect(hear)


def spoofed(response: Any, refusals: list[Any], place: str) -> None:
    assert response.status_code == 400
    [refusal] = refusals
    assert (refusal.reason, refusal.severity, refusal.detail["place"]) == ("reserved_name", "critical", place)
    # The record holds the name, and the value stays out of it.
    assert VALUE not in str(refusal)
    assert VALUE not in response.content.decode()


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_query_cannot_name_a_workspace(name: str, refusals: list[Any]) -> None:
    """P4, L9: in any spelling."""
    spoofed(program(ALICE).get("/api/v1/things", query_params={name: VALUE}), refusals, "query")


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_json_body_cannot_name_a_workspace(name: str, refusals: list[Any]) -> None:
    """P4, L9: mass assignment of a workspace moved objects across tenants."""
    body = {"name": "ok", name: VALUE}
    spoofed(program(ALICE).post("/api/v1/things", body, content_type="application/json"), refusals, "json")


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_form_cannot_name_a_workspace(name: str, refusals: list[Any]) -> None:
    """P4, on pages that anybody may open as well."""
    spoofed(Client().post("/form/", {"q": "ok", name: VALUE}), refusals, "form")


def test_a_url_encoded_form_cannot_name_a_workspace(refusals: list[Any]) -> None:
    data = f"q=ok&workspace_id={VALUE}"
    spoofed(Client().post("/form/", data, content_type="application/x-www-form-urlencoded"), refusals, "form")


def test_an_uploads_field_cannot_name_a_workspace(refusals: list[Any]) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("a.txt", b"a")
    response = program(ALICE).post("/api/v1/uploads", {"file": file, "owner": SimpleUploadedFile("b.txt", b"b")})
    spoofed(response, refusals, "form")


@pytest.mark.parametrize(
    "header",
    [
        "X-Workspace-Id",
        "X-Tenant",
        "X-User",
        "X-Forwarded-User",
        "X-Auth-Role",
        "X-Remote-User",
        "x-aiaxis-workspace",
        "X-Auth-Request-User",
        "X-Forwarded-Preferred-Username",
        "X-User-Role",
        "X-User-Email",
        "X-Workspace-Name-2",
        "X-Member-Role",
        "X-Tenant-Code",
        "X-Account-Owner",
        "X-Auth-Request-Email",
        "X-Auth-Request-Groups",
        "X-Authenticated-Groups",
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Goog-Authenticated-User-Email",
        "X-Client-Principal-Name",
        "X-Remote-Group",
    ],
)
def test_a_header_cannot_name_a_person_or_workspace(header: str, refusals: list[Any]) -> None:
    """L45: a tenant header is no credential, and its absence no fallback."""
    spoofed(program(ALICE).get("/api/v1/things", headers={header: VALUE}), refusals, "header")


@pytest.mark.parametrize(
    "header", ["X-Requested-With", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id", *PROXIES]
)
def test_ordinary_headers_pass(header: str) -> None:
    assert program(ALICE).get("/api/v1/things", headers={header: "1"}).status_code == 200


@pytest.mark.parametrize("name", ["id", "ID", "pk", "uuid", "created_at", "createdAt", "owner", "role", "is_operator"])
def test_a_body_cannot_choose_a_rows_key_owner_or_history(name: str, refusals: list[Any]) -> None:
    """L8: a create with an id in its body was an upsert over another tenant's row."""
    body = {"name": "ok", name: VALUE}
    spoofed(program(ALICE).post("/api/v1/things", body, content_type="application/json"), refusals, "json")


def test_a_name_that_stands_twice_is_refused() -> None:
    """Of two parsers one would check the first and the other act on the second."""
    for body in ('{"name": "a", "name": "b"}', '{"name": "a", "x": {"y": 1, "y": 2}}'):
        response = program(ALICE).post("/api/v1/things", body, content_type="application/json")
        assert response.status_code == 400
        assert "twice" in response.json()["detail"]


def test_a_reserved_name_behind_an_ordinary_one_is_found(refusals: list[Any]) -> None:
    body = f'{{"name": "a", "workspace": null, "workspace": "{VALUE}"}}'
    assert program(ALICE).post("/api/v1/things", body, content_type="application/json").status_code == 400


def test_a_nested_name_is_data() -> None:
    """Only the top level speaks of the request itself; a nested value is the schema's business, which refuses it as unknown."""
    body = {"name": {"workspace": "x"}}
    assert program(ALICE).post("/api/v1/things", body, content_type="application/json").status_code == 422


def test_an_operation_may_declare_a_name_by_its_schema() -> None:
    body = {"email": "new@acme.test", "role": "viewer"}
    response = program(ALICE).post("/api/v1/invitations", body, content_type="application/json")
    assert response.json() == {"role": "viewer"}


def test_declaring_one_name_opens_no_other(refusals: list[Any]) -> None:
    body = {"email": "new@acme.test", "role": "viewer", "workspace": VALUE}
    spoofed(program(ALICE).post("/api/v1/invitations", body, content_type="application/json"), refusals, "json")


def test_a_page_may_declare_a_name() -> None:
    assert Client().post("/invite/", {"role": "viewer"}).content == b"role viewer"


def test_a_declared_name_stays_reserved_elsewhere_in_the_request(refusals: list[Any]) -> None:
    spoofed(Client().post("/form/", {"role": VALUE}), refusals, "form")


def test_nobody_learns_a_reserved_name_without_a_credential(refusals: list[Any]) -> None:
    """The credential is asked for first: a stranger's body is not even read."""
    response = Client().post("/api/v1/things", {"workspace": VALUE}, content_type="application/json")
    assert response.status_code == 401
    assert [refusal.reason for refusal in refusals] == ["anonymous"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("", "application/json", 422),
        ("null", "application/json", 422),
        ("[]", "application/json", 422),
        ("[1, 2]", "application/json", 422),
        ('"text"', "application/json", 422),
        ("1e999", "application/json", 422),
        ("{", "application/json", 400),
        ("{'name': 1}", "application/json", 400),
        ('{"name": NaN}', "application/json", 400),
        ('{"name": Infinity}', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        ('{"name": "\\u0000"}', "application/json", 422),
        ('{"name": "\\ud800"}', "application/json", 422),
        ('{"name": 5}', "application/json", 422),
        ('{"name": null}', "application/json", 422),
        ('{"name": "a", "colour": "b"}', "application/json", 422),
        ("[" * 100_000, "application/json", 400),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "application/json", 400),
        ('{"name": ' + "9" * 5000 + "}", "application/json", 400),
        (json.dumps({"name": "x" * 1_000_000}), "application/json", 413),
        ('{"name": "a"}', "text/plain", 415),
        ('{"name": "a"}', "", 415),
        ("name=a", "application/x-www-form-urlencoded", 415),
        ('{"name": "a"}', "multipart/form-data; boundary=x", 415),
    ],
)
def test_any_body_gets_an_answer(body: str | bytes, content_type: str, status: int) -> None:
    """L42: empty, null, array, 1 MB and wrong-type bodies are 4xx problem details, and the process is alive after it."""
    client = program(ALICE)
    response = client.generic("POST", "/api/v1/things", body, content_type)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"]
    assert client.get("/api/v1/things").status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/api/v1/things", "application/json"), ("/closed/", "application/x-www-form-urlencoded")],
)
def test_a_body_that_is_too_large_is_received_to_its_end(path: str, content_type: str) -> None:
    """L42: whoever is answered and cut off while sending sees a broken connection, and not the 413."""
    body = io.BytesIO(b"a" * 3_000_000)
    client = program(ALICE) if path.startswith("/api/") else browser(ALICE)
    arriving: dict[str, Any] = {"wsgi.input": body, "CONTENT_LENGTH": str(len(body.getvalue()))}
    response = client.generic("POST", path, b"a", content_type, **arriving)
    assert response.status_code == 413
    assert b"413" in response.content
    assert b"400" not in response.content.partition(b"<main")[2]
    assert body.tell() == len(body.getvalue())


def test_a_body_without_end_is_cut_off() -> None:
    """Somebody who sends and sends has neither our time nor our disk."""
    body = io.BytesIO(b"a" * (LARGEST_READ_PAST + 3_000_000))
    arriving: dict[str, Any] = {"wsgi.input": body, "CONTENT_LENGTH": str(len(body.getvalue()))}
    response = program(ALICE).generic("POST", "/api/v1/things", b"a", "application/json", **arriving)
    assert response.status_code == 413
    assert body.tell() <= LARGEST_READ_PAST + CHUNK


@pytest.mark.parametrize("body", ['{"file": {"filepath": "/etc/passwd"}}', "{}", ""])
def test_an_upload_takes_no_json(body: str) -> None:
    """L27: a JSON body with file paths was accepted as an upload."""
    response = program(ALICE).generic("POST", "/api/v1/uploads", body, "application/json")
    assert response.status_code == (415 if body else 422)


def test_a_search_for_nul_is_refused() -> None:
    """L42: PostgreSQL cannot hold the character, so the search would be a 500."""
    assert program(ALICE).get("/api/v1/things?q=a%00b").status_code == 400


def test_another_method_is_405_and_says_which() -> None:
    response = program(ALICE).delete("/api/v1/things")
    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"
    assert "GET" in response["Allow"]


def test_another_method_is_405_whatever_the_address_declares_for_its_own(refusals: list[Any]) -> None:
    """And a name that it declares for none is a trick by any method."""
    client, body = program(ALICE), {"email": "new@acme.test", "role": "viewer"}
    assert client.put("/api/v1/invitations", body, content_type="application/json").status_code == 405
    spoofed(
        client.put("/api/v1/invitations", {**body, "workspace": VALUE}, content_type="application/json"),
        refusals,
        "json",
    )


def test_every_name_that_the_promise_reserves_is_on_the_list() -> None:
    promised = [
        "workspace",
        "workspace_id",
        "tenant",
        "tenant_id",
        "user",
        "user_id",
        "owner",
        "owner_id",
        "membership",
        "role",
    ]
    assert {compared(name) for name in promised} <= RESERVED
    assert "id" in RESERVED_IN_BODY


@override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=5)
def test_too_many_fields_are_refused_and_answered() -> None:
    query = "&".join(f"f{number}=1" for number in range(9))
    assert browser(ALICE).get(f"/form/?{query}").status_code in (400, 413)

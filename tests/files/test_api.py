"""Do programs get the same files as people, under the same rules?"""

import hashlib
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from files import jobs
from files.models import File, Passage
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.doors import program
from tests.files import documents, shelf

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

FIELDS = {
    "id", "name", "media_type", "size", "sha256", "status", "refusal", "visibility", "tags", "pages", "owner_id",
    "created_at", "updated_at",
}  # fmt: skip


def upload(person: Person, name: str, content: bytes, **fields: str) -> Any:
    return program(person).post("/api/v1/files", {"file": SimpleUploadedFile(name, content), **fields})


def read(person: Person, file_id: str) -> None:
    with acting(person):
        jobs.read(person.tenant, file_id)


def test_a_program_uploads_waits_and_searches() -> None:
    """The main job, by API: upload, ask until it is ready, search, download, delete."""
    content = documents.pdf([["Refunds are paid within five working days."]])
    created = upload(BOB, "terms.pdf", content)
    assert created.status_code == 201
    file = created.json()
    assert set(file) == FIELDS
    assert (file["name"], file["status"], file["sha256"]) == (
        "terms.pdf",
        "received",
        hashlib.sha256(content).hexdigest(),
    )
    read(BOB, file["id"])
    client = program(BOB)
    assert client.get(f"/api/v1/files/{file['id']}").json()["status"] == "ready"
    (hit,) = client.get("/api/v1/search", {"q": "When do I get my money back?"}).json()["items"]
    assert (hit["file_id"], hit["page"], hit["label"]) == (file["id"], 1, "Page 1")
    assert "five working days" in hit["text"]
    download: Any = client.get(f"/api/v1/files/{file['id']}/content")
    assert b"".join(download.streaming_content) == content
    assert client.delete(f"/api/v1/files/{file['id']}").status_code == 204
    assert client.get(f"/api/v1/files/{file['id']}").status_code == 404


def test_the_same_bytes_again_answer_200_with_the_same_file() -> None:
    """Duplicate submits: one result."""
    first, second = upload(BOB, "a.txt", b"same"), upload(BOB, "b.txt", b"same")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


def test_a_bad_document_ends_refused_with_its_sentence() -> None:
    created = upload(BOB, "locked.pdf", documents.encrypted_pdf("secret"))
    assert created.status_code == 201
    read(BOB, created.json()["id"])
    told = program(BOB).get(f"/api/v1/files/{created.json()['id']}").json()
    assert told["status"] == "refused"
    assert "password-protected" in told["refusal"]
    empty = upload(BOB, "empty.pdf", b"").json()
    assert (empty["status"], "no bytes" in empty["refusal"]) == ("refused", True)


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({"workspace_id": "x"}, 400),
        ({"owner": "x"}, 400),
        ({"id": str(uuid.uuid4())}, 400),
        ({"storage_key": "a/b"}, 201),
        ({"visibility": "public"}, 422),
    ],
)
def test_fields_that_are_not_the_clients_to_say(extra: dict[str, str], status: int) -> None:
    """L8, L9: reserved names are refused; an unknown form field reaches no model."""
    response = upload(BOB, "a.txt", b"words", **extra)
    assert response.status_code == status
    if status == 201:
        with acting(BOB):
            assert File.objects.get().storage_key != "a/b"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"x" * 1_000_000])
def test_any_other_body_is_a_problem(body: bytes) -> None:
    """L42: empty, null, array, 1 MB of anything."""
    for content_type in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        response = program(BOB).generic("POST", "/api/v1/files", body, content_type)
        assert 400 <= response.status_code < 500, (content_type, response.status_code)
        assert response["Content-Type"] == "application/problem+json"


def test_a_viewers_key_uploads_and_deletes_nothing() -> None:
    assert upload(VERA, "a.txt", b"words").status_code == 403


def test_a_key_without_the_scope_is_refused() -> None:
    client = program(BOB, scopes=["files:read"])
    assert client.post("/api/v1/files", {"file": SimpleUploadedFile("a.txt", b"x")}).status_code == 403
    assert client.get("/api/v1/search", {"q": "x"}).status_code == 403
    assert client.get("/api/v1/files").status_code == 200


def test_a_list_holds_what_the_member_may_see_and_no_more() -> None:
    """L10: list and cursor of a key show nothing of a colleague's private files or another workspace."""
    shelf.put(BOB, "private of Bob", "bob.txt")
    shelf.put(BOB, "shared by Bob", "shared.txt", "workspace")
    shelf.put(CHARLIE, "of Birch", "birch.txt", "workspace")
    assert names(ALICE) == ["shared.txt"]
    assert names(BOB) == ["shared.txt", "bob.txt"]
    assert names(CHARLIE) == ["birch.txt"]
    first = program(BOB).get("/api/v1/files", {"limit": 1}).json()
    rest = program(BOB).get("/api/v1/files", {"limit": 1, "cursor": first["next"]}).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["shared.txt", "bob.txt"]
    stolen = program(CHARLIE).get("/api/v1/files", {"cursor": first["next"]}).json()
    assert all(item["name"] == "birch.txt" for item in stolen["items"])


def names(person: Person) -> list[str]:
    return [item["name"] for item in program(person).get("/api/v1/files").json()["items"]]


def test_a_foreign_and_a_missing_id_give_the_same_bytes() -> None:
    """L4, L29: ids are no secrets, and an id alone opens nothing."""
    theirs = shelf.put(CHARLIE, "of Birch", "birch.txt", "workspace")
    private = shelf.put(BOB, "of Bob", "bob.txt")
    client = program(ALICE)
    for suffix in ("", "/content"):
        answers = [told(client.get(f"/api/v1/files/{key}{suffix}")) for key in (theirs.pk, private.pk, uuid.uuid4())]
        assert answers[0] == answers[1] == answers[2], suffix
    answers = [told(client.delete(f"/api/v1/files/{key}")) for key in (theirs.pk, private.pk, uuid.uuid4())]
    assert answers[0] == answers[1] == answers[2]
    with acting(BOB):
        assert Passage.objects.filter(file=private).exists()


def told(response: Any) -> tuple[int, dict[str, Any]]:
    content = response.json()
    content.pop("instance")
    return response.status_code, content


def test_a_range_outside_the_file_says_how_long_it_is_and_a_sentence_ends_once() -> None:
    """A program that goes on with a download needs it, and got neither a number nor a word."""
    file = upload(BOB, "terms.txt", b"0123456789").json()
    outside = program(BOB).get(f"/api/v1/files/{file['id']}/content", headers={"Range": "bytes=10-"})
    assert (outside.status_code, outside["Content-Range"]) == (416, "bytes */10")
    assert "outside the file" in outside.json()["detail"]
    refused = program(BOB).patch(f"/api/v1/files/{file['id']}", {"tags": ["a,b"]}, content_type="application/json")
    assert refused.json()["detail"].endswith("between tags.")

"""Is a colleague's private file, and anything of another workspace, invisible everywhere? Each place has a twin to leak."""

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from files import queries, services, storage
from files.models import Embedding, File, Passage
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.doors import browser, program
from tests.files import shelf

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

# The same words everywhere, so that only the fence can tell the twins apart.
TEXT = "The merger with Cedar closes on the ninth of May and stays confidential until then."
QUESTION = "When does the merger with Cedar close?"


@dataclass(frozen=True)
class Stage:
    """Bob's private file and its twin in Birch, each with its one passage."""

    private: File
    passage: Passage
    twin: File
    twin_passage: Passage


@pytest.fixture
def stage() -> Stage:
    private = shelf.put(BOB, TEXT, "merger-acme.txt")
    with acting(BOB):
        passage = Passage.objects.get(file=private)
    twin = shelf.put(CHARLIE, TEXT, "merger-birch.txt", "workspace")
    with acting(CHARLIE):
        twin_passage = Passage.objects.get(file=twin)
    return Stage(private, passage, twin, twin_passage)


STRANGERS = [ALICE, VERA, CHARLIE]


def test_the_owner_finds_it_so_there_is_something_to_leak(stage: Stage) -> None:
    assert "merger-acme.txt" in browser(BOB).get("/files/").content.decode()
    assert [hit["file_name"] for hit in searched(BOB)] == ["merger-acme.txt"]
    assert [hit["file_name"] for hit in searched(CHARLIE)] == ["merger-birch.txt"]


def searched(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = program(person).get("/api/v1/search", {"q": QUESTION}).json()["items"]
    return items


@pytest.mark.parametrize("person", STRANGERS, ids=lambda person: person.name)
def test_no_page_shows_it(stage: Stage, person: Person) -> None:
    """L4, L5, L6: list, guessed URL, preview, passage, status, range, search: a member against a member, and a stranger."""
    client = browser(person)
    for path in (
        f"/files/{stage.private.pk}/",
        f"/files/{stage.private.pk}/status/",
        f"/files/{stage.private.pk}/content/",
        f"/files/{stage.private.pk}/passages/{stage.passage.pk}/",
    ):
        response = client.get(path, headers={"range": "bytes=0-10"})
        assert response.status_code == 404, path
        assert b"merger" not in response.content.lower()
    for path in (
        "/files/",
        "/files/?q=merger-acme",
        "/files/?status=ready",
        f"/search/?q={QUESTION}",
        "/search/?q=merger-acme",
    ):
        assert "merger-acme.txt" not in client.get(path).content.decode(), path
    for verb in ("delete", "visibility", "read-again"):
        response = client.post(f"/files/{stage.private.pk}/{verb}/", {"visibility": "workspace"})
        # Vera is turned away for her role before anybody looks for the file.
        assert response.status_code == (403 if person is VERA else 404), verb


@pytest.mark.parametrize("person", STRANGERS, ids=lambda person: person.name)
def test_the_api_does_not_know_it(stage: Stage, person: Person) -> None:
    """L1, L4, L6, L29: by id, by list, by search."""
    client = program(person)
    assert client.get(f"/api/v1/files/{stage.private.pk}").status_code == 404
    assert client.get(f"/api/v1/files/{stage.private.pk}/content").status_code == 404
    assert client.delete(f"/api/v1/files/{stage.private.pk}").status_code == (403 if person is VERA else 404)
    assert str(stage.private.pk) not in client.get("/api/v1/files").content.decode()
    assert "merger-acme" not in str(searched(person))


@pytest.mark.parametrize("person", STRANGERS, ids=lambda person: person.name)
def test_queries_and_raw_sql_do_not_see_it(stage: Stage, person: Person) -> None:
    """L4: full text, vectors and raw SQL are filtered by workspace and member below our own code."""
    with acting(person):
        assert not File.objects.filter(pk=stage.private.pk).exists()
        assert not Passage.objects.filter(file_id=stage.private.pk).exists()
        assert not Embedding.objects.filter(file_id=stage.private.pk).exists()
        assert stage.passage.pk not in {hit.passage_id for hit in queries.search(QUESTION)}
        assert "merger-acme.txt" not in {file.name for file in queries.named("merger")}
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM files_file WHERE id = %s", [stage.private.pk])
            assert cursor.fetchone() == (0,)
            cursor.execute("SELECT text FROM files_passage WHERE file_id = %s", [stage.private.pk])
            assert cursor.fetchall() == []
            cursor.execute("SELECT vector FROM files_embedding WHERE passage_id = %s", [stage.passage.pk])
            assert cursor.fetchall() == []


@pytest.mark.parametrize("person", STRANGERS, ids=lambda person: person.name)
def test_raw_sql_changes_nothing_of_it(stage: Stage, person: Person) -> None:
    attempts = [
        ("UPDATE files_file SET visibility = 'workspace' WHERE id = %s", [stage.private.pk]),
        ("UPDATE files_passage SET text = 'x' WHERE file_id = %s", [stage.private.pk]),
        ("DELETE FROM files_embedding WHERE file_id = %s", [stage.private.pk]),
        ("DELETE FROM files_file WHERE id = %s", [stage.private.pk]),
    ]
    with acting(person), connection.cursor() as cursor:
        for statement, values in attempts:
            cursor.execute(statement, values)
            assert cursor.rowcount == 0, statement
    with acting(BOB):
        stage.private.refresh_from_db()
        assert stage.private.visibility == "private"
        assert Embedding.objects.filter(file=stage.private).count() == 1


def test_nothing_can_be_hung_onto_a_foreign_file(stage: Stage) -> None:
    """L1: a passage of mine that points at another's file is refused by the database, at write."""
    for person, target in ((ALICE, stage.private), (CHARLIE, stage.private), (ALICE, stage.twin)):
        with acting(person), pytest.raises(DatabaseError), transaction.atomic():
            Passage.objects.create(file_id=target.pk, position=99, page=1, label="", text="planted", start=0, end=7)


def test_a_file_is_never_taken_in_for_somebody_else(stage: Stage) -> None:
    """L9: not even our own code can give a colleague a file."""
    with acting(ALICE), pytest.raises(DatabaseError), transaction.atomic():
        File.objects.create(
            owner_id=BOB.membership_id,
            name="x",
            media_type="text/plain",
            size=1,
            sha256="0" * 64,
            storage_key="x/" + uuid.uuid4().hex,
        )


def test_a_storage_key_of_another_workspace_opens_nothing(stage: Stage) -> None:
    """L28, L29: the disk has no row security, so the key itself is held to the bound workspace."""
    with acting(ALICE):
        for use in (storage.open_bytes, storage.delete, storage.exists):
            with pytest.raises(storage.ForeignKeyRefused):
                use(stage.twin.storage_key)
        for key in (
            "../../etc/passwd",
            f"{ALICE.tenant.workspace_id.hex}/../x",
            "",
            f"{ALICE.tenant.workspace_id.hex}/",
        ):
            with pytest.raises(storage.ForeignKeyRefused):
                storage.open_bytes(key)


def test_a_shared_file_is_seen_by_colleagues_and_not_by_strangers(stage: Stage) -> None:
    with acting(BOB):
        services.share(actor=BOB.tenant, file=stage.private, visibility="workspace")
    assert [hit["file_name"] for hit in searched(ALICE)] == ["merger-acme.txt"]
    assert [hit["file_name"] for hit in searched(CHARLIE)] == ["merger-birch.txt"]
    assert browser(CHARLIE).get(f"/files/{stage.private.pk}/").status_code == 404


def test_no_address_of_files_carries_a_token() -> None:
    """L29: what opens a file is who asks, never a secret in its address."""
    from files.urls import urlpatterns

    for pattern in urlpatterns:
        assert not {"token", "key", "signature"} & set(pattern.pattern.converters), pattern

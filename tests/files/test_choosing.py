"""Does one thing happen to each of several chosen files, to no other, and is what did not happen told?"""

from __future__ import annotations

import html
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from accounts.signals import access_denied
from files import signals
from files.access import MOST_CHOSEN
from files.models import File
from tests.cast import ALICE, BOB, CHARLIE, VERA, acting
from tests.doors import browser, program
from tests.files import shelf
from tests.files.test_services import heard

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])


def said(client: Any, path: str, *files: File) -> str:
    response = client.post(path, {"file": [str(file.pk) for file in files]}, follow=True)
    return html.unescape(response.content.decode())


def left() -> set[str]:
    """Everything that is still there, of everybody in the cast."""
    found: set[str] = set()
    for person in (ALICE, BOB, CHARLIE):
        with acting(person):
            found |= set(File.objects.values_list("name", flat=True))
    return found


def test_the_chosen_are_named_before_they_go_and_each_leaves_a_record() -> None:
    mine = [shelf.put(BOB, f"Words {n}.", f"mine-{n}.txt") for n in range(3)]
    client = browser(BOB)
    asked = said(client, "/files/chosen/", *mine[:2])
    assert "Delete 2 files?" in asked
    assert "mine-0.txt" in asked
    assert "mine-2.txt" not in asked
    assert left() == {"mine-0.txt", "mine-1.txt", "mine-2.txt"}
    with heard(signals.file_deleted) as facts:
        assert "2 files are deleted, with everything that was read from them." in said(
            client, "/files/chosen/delete/", *mine[:2]
        )
    assert [fact["target"].name for fact in facts] == ["mine-0.txt", "mine-1.txt"]
    assert left() == {"mine-2.txt"}


@pytest.mark.parametrize("path", ["/files/chosen/", "/files/chosen/delete/", "/files/chosen/read-again/"])
def test_what_is_somebody_elses_stays_and_is_told_apart_only_if_it_may_be_seen(path: str) -> None:
    """L1, L6, L20: among one's own stand a shared one, a colleague's private one, a stranger's, and one that is gone."""
    mine, gone = shelf.put(BOB, "Mine."), shelf.put(BOB, "Gone.", "gone.txt")
    shared = shelf.put(ALICE, "For all.", "shared.txt", visibility="workspace")
    secret, foreign = shelf.put(ALICE, "Falcon.", "falcon.txt"), shelf.put(CHARLIE, "Birch.", "birch.txt")
    with acting(BOB):
        File.objects.filter(pk=gone.pk).delete()
    with reached() as heard_of, heard(signals.file_requeued) as again:
        text = said(browser(BOB), path, secret, foreign, gone, shared, mine)
    for hidden in ("falcon", "birch"):
        assert hidden not in text
    assert {"shared.txt", "falcon.txt", "birch.txt"} <= left()
    assert set(heard_of[0]) == {secret.pk, foreign.pk, gone.pk}
    assert [fact["target"].pk for fact in again] == ([mine.pk] if path.endswith("read-again/") else [])
    if path != "/files/chosen/":
        assert "3 files are not there any more." in text
        assert "1 file is not yours: only the person who uploaded a file may change or delete it." in text


def test_a_viewer_chooses_nothing_and_nothing_chosen_is_a_sentence() -> None:
    shared = shelf.put(ALICE, "For all.", "shared.txt", visibility="workspace")
    for path in ("/files/chosen/", "/files/chosen/delete/", "/files/chosen/read-again/"):
        assert browser(VERA).post(path, {"file": [str(shared.pk)]}).status_code == 403
        assert "Choose the files first" in said(browser(BOB), path)
    assert "One of these is no file" in html.unescape(
        browser(BOB).post("/files/chosen/delete/", {"file": ["x"]}, follow=True).content.decode()
    )
    assert 'type="checkbox" name="file"' not in browser(VERA).get("/files/").content.decode()
    page = browser(BOB).get("/files/").content.decode()
    assert f'name="file" value="{shared.pk}"' not in page, "there is no box before a colleague's"


def test_a_program_reads_its_file_again_and_no_other() -> None:
    mine, shared = shelf.put(BOB, "Mine."), shelf.put(ALICE, "For all.", visibility="workspace")
    again = program(BOB).post(f"/api/v1/files/{mine.pk}/read")
    assert (again.status_code, again.json()["status"]) == (202, "received")
    assert program(BOB).post(f"/api/v1/files/{mine.pk}/read").status_code == 409
    assert program(BOB).post(f"/api/v1/files/{shared.pk}/read").status_code == 403
    assert program(CHARLIE).post(f"/api/v1/files/{mine.pk}/read").status_code == 404


def deleted_by(client: Any, *keys: object, **headers: str) -> Any:
    body = {"file_ids": [str(key) for key in keys]}
    return client.post("/api/v1/files/delete", body, content_type="application/json", headers=headers)


def test_a_program_deletes_its_own_of_many_and_is_told_of_each() -> None:
    """L1, L6, L20: what is a colleague's own, a stranger's, or was never there, is the same word; and none of it goes."""
    mine, again = shelf.put(BOB, "Mine.", "mine.txt"), shelf.put(BOB, "Mine too.", "again.txt")
    shared = shelf.put(ALICE, "For all.", "shared.txt", visibility="workspace")
    secret, foreign = shelf.put(ALICE, "Falcon.", "falcon.txt"), shelf.put(CHARLIE, "Birch.", "birch.txt")
    unseen = [secret.pk, foreign.pk, uuid.uuid4()]
    with reached() as heard_of, heard(signals.file_deleted) as facts:
        answer = deleted_by(program(BOB), mine.pk, *unseen, shared.pk, again.pk, mine.pk)
    assert answer.status_code == 200
    outcomes = [(one["file_id"], one["outcome"]) for one in answer.json()["items"]]
    assert outcomes == [
        (str(mine.pk), "deleted"),
        *((str(key), "not_found") for key in unseen),
        (str(shared.pk), "not_yours"),
        (str(again.pk), "deleted"),
    ]
    assert [fact["target"].pk for fact in facts] == [mine.pk, again.pk], "each leaves a record, and once"
    assert list(heard_of[0]) == unseen
    assert left() == {"shared.txt", "falcon.txt", "birch.txt"}


def test_a_program_that_asks_for_many_twice_deletes_once() -> None:
    mine, client = shelf.put(BOB, "Mine."), program(BOB)
    first, second = (deleted_by(client, mine.pk, **{"Idempotency-Key": "k-1"}) for _ in range(2))
    assert (first.status_code, second.content) == (200, first.content)
    assert second["Idempotent-Replayed"] == "true"
    assert deleted_by(client, mine.pk).json()["items"][0]["outcome"] == "not_found"


def test_a_program_chooses_at_most_a_hundred_and_no_viewer_any() -> None:
    shared = shelf.put(VERA, "Of a viewer that was once a member.", "hers.txt")
    assert deleted_by(program(BOB)).status_code == 422
    assert deleted_by(program(BOB), *(uuid.uuid4() for _ in range(MOST_CHOSEN + 1))).status_code == 422
    assert deleted_by(program(VERA), shared.pk).status_code == 403
    assert deleted_by(program(BOB, scopes=["files:read"]), shared.pk).status_code == 403
    with acting(VERA):
        assert File.objects.filter(pk=shared.pk).exists()


def test_a_list_asks_for_all_its_states_at_once_and_sees_nobody_elses(django_assert_max_num_queries: Any) -> None:
    mine, secret = [shelf.put(BOB, f"Words {n}.") for n in range(3)], shelf.put(ALICE, "Falcon.", "falcon.txt")
    with acting(BOB):
        File.objects.filter(pk__in=[file.pk for file in mine[:2]]).update(status="extracting")
    client = browser(BOB)
    page = client.get("/files/").content.decode()
    assert page.count('together="/files/states/"') == 2
    states = client.get("/files/states/", {"file": [str(file.pk) for file in [*mine, secret]]}).content.decode()
    assert [states.count(f'data-key="{file.pk}"') for file in [*mine, secret]] == [1, 1, 1, 0]
    assert states.count("<live-part") == 2
    assert "falcon" not in states


@contextmanager
def reached() -> Iterator[list[Any]]:
    """What refused requests reached for, in the order in which they were heard of."""
    found: list[Any] = []

    def hear(refusal: Any, **fact: object) -> None:
        found.append(refusal.reached)

    access_denied.connect(hear)
    try:
        yield found
    finally:
        access_denied.disconnect(hear)

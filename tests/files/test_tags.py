"""Do a file's tags serve whoever may see the file, obey whoever may change it, and say nothing to anybody else?"""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.tenancy.context import whole_workspace
from files import services as files
from files import signals
from files.models import MOST_TAGS, File, FileTag
from files.tags import queries, services
from files.views import ROWS_A_PAGE
from tests.cast import ACME, ADA, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.doors import browser, program
from tests.factories import FileFactory
from tests.files.test_services import heard

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])


def a_file(person: Person, *names: str, visibility: str = "private", name: str = "report.txt") -> File:
    with acting(person) as actor:
        file: File = FileFactory(name=name, visibility=visibility)
        if names:
            services.add(actor=actor, file=file, names=names)
    return file


def tags_of(file: File) -> list[str]:
    """What the file's tags are, whoever may see them."""
    with whole_workspace(file.workspace_id):
        return list(FileTag.objects.filter(file=file).values_list("name", flat=True))


def said(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def test_its_owner_gives_a_file_tags_and_takes_them_away() -> None:
    file, client = a_file(BOB), browser(BOB)
    with heard(signals.file_tagged) as facts:
        page = said(client.post(f"/files/{file.pk}/tags/add/", {"tags": "Contracts, 2026, contracts"}, follow=True))
        client.post(f"/files/{file.pk}/tags/add/", {"tags": "CONTRACTS"})
    assert tags_of(file) == ["2026", "Contracts"], "once, and as it was first written"
    assert [(fact["target"].pk, fact["added"], fact["removed"]) for fact in facts] == [(file.pk, 2, 0)]
    assert 'href="/files/?tag=Contracts"' in page
    assert "Remove the tag Contracts" in page
    with heard(signals.file_tagged) as facts:
        client.post(f"/files/{file.pk}/tags/remove/", {"tags": "contracts"})
        client.post(f"/files/{file.pk}/tags/remove/", {"tags": "never there"})
    assert tags_of(file) == ["2026"]
    assert [(fact["added"], fact["removed"]) for fact in facts] == [(0, 1)]


def test_what_is_no_tag_and_one_too_many_are_told_in_a_sentence() -> None:
    file, client = a_file(BOB, *(f"tag {n}" for n in range(MOST_TAGS))), browser(BOB)
    add = f"/files/{file.pk}/tags/add/"
    for typed, sentence in (
        ("one more", "A file has at most 20 tags. Remove one first."),
        ("x" * 41, "A tag has at most 40 characters."),
        ("a\u202eb", "A tag cannot have invisible characters in it."),
        (" , ", "Type a tag first, such as “contracts”."),
        ("", "Type a tag first, such as “contracts”."),
    ):
        assert sentence in said(client.post(add, {"tags": typed}, follow=True)), typed
    client.post(add, {"tags": "TAG 3"})
    assert len(tags_of(file)) == MOST_TAGS
    assert client.post(f"/files/{file.pk}/tags/remove/", {"tags": "tag 3"}).status_code == 302
    assert len(tags_of(file)) == MOST_TAGS - 1


def test_who_may_not_change_a_file_may_not_tag_it() -> None:
    """L20: a colleague reads the tags of what is shared; a viewer does not even tag what was once theirs."""
    shared, hers = a_file(BOB, "handbook", visibility="workspace"), a_file(VERA, "draft")
    refused = ((ALICE, shared, 403), (ADA, shared, 403), (VERA, shared, 403), (VERA, hers, 403), (CHARLIE, shared, 404))
    for person, file, status in refused:
        for verb in ("add", "remove"):
            answer = browser(person).post(f"/files/{file.pk}/tags/{verb}/", {"tags": "handbook, draft, more"})
            assert answer.status_code == status, (person.name, verb)
        assert change(person, file, {"tags": ["more"]}).status_code == status, person.name
    assert (tags_of(shared), tags_of(hers)) == (["handbook"], ["draft"])
    page = said(browser(VERA).get(f"/files/{shared.pk}/"))
    assert 'href="/files/?tag=handbook"' in page
    assert "/tags/" not in page


def test_the_list_shows_tags_and_is_filtered_by_one() -> None:
    many = [a_file(BOB, "Due", f"n{n}", name=f"report {n}.txt") for n in range(ROWS_A_PAGE + 1)]
    a_file(BOB, "other", name="report of another kind.txt")
    page = browser(BOB).get("/files/", {"q": "report", "tag": "DUE"})
    assert {file.name for file in page.context["page"].items} == {file.name for file in many[1:]}
    text = said(page)
    older = re.search(r'rel="next" href="([^"]+)"', page.content.decode())
    assert older is not None
    further = browser(BOB).get(html.unescape(older[1]))
    assert [file.name for file in further.context["page"].items] == ["report 0.txt"], "the filter is kept"
    # A chip narrows what is shown already, and begins at its first page.
    assert 'href="/files/?q=report&tag=n7"' in text
    assert 'href="/files/?q=report&tag=n0"' in said(further)
    assert "No file has this tag" in said(browser(BOB).get("/files/?tag=du"))
    assert "No file has this tag" in said(browser(BOB).get("/files/", {"tag": "\u202e" + "x" * 900}))


def test_a_file_with_many_tags_shows_some_and_says_how_many_more() -> None:
    a_file(BOB, *(f"tag {n:02}" for n in range(MOST_TAGS)))
    page = said(browser(BOB).get("/files/"))
    assert "tag 04</bdi>" in page
    assert "tag 05</bdi>" not in page
    assert "15 more" in page


def test_a_hostile_tag_is_text() -> None:
    """L19."""
    file = a_file(BOB, "<script>alert(1)</script>", '"><img src=x>')
    for path in ("/files/", f"/files/{file.pk}/"):
        page = browser(BOB).get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page


def cost(client: Client) -> int:
    with CaptureQueriesContext(connection) as log:
        assert client.get("/files/").status_code == 200
    return len(log)


def test_a_list_asks_as_much_for_many_tags_as_for_one() -> None:
    client = browser(BOB)
    a_file(BOB, "one")
    cost(client)
    before = cost(client)
    for n in range(25):
        a_file(BOB, *(f"tag {n} {m}" for m in range(6)))
    assert cost(client) == before


def test_tags_are_offered_by_use_and_each_spelled_once() -> None:
    a_file(BOB, "Contracts", "rare")
    a_file(BOB, "contracts")
    with acting(BOB):
        assert [one.casefold() for one in queries.offered()] == ["contracts", "rare"]


def test_tags_go_with_their_file() -> None:
    file = a_file(BOB, "Contracts")
    with acting(BOB) as bob:
        files.delete(actor=bob, file=file)
    assert tags_of(file) == []
    with whole_workspace(ACME.id):
        assert not FileTag.objects.exists()


STRANGERS = [ALICE, VERA, CHARLIE]


@pytest.mark.parametrize("person", STRANGERS, ids=lambda one: one.name)
def test_of_a_private_file_not_even_the_word_of_a_tag_is_seen(person: Person) -> None:
    """P5, L4, L6, L10: list, filter, what a field offers, page, API and raw SQL; its owner sees it in each of them."""
    private = a_file(BOB, "falcon", name="merger.txt")
    a_file(BOB, "handbook", visibility="workspace")
    a_file(CHARLIE, "birch")
    for reader, sees in ((BOB, True), (person, False)):
        client, key = browser(reader), program(reader)
        assert ("falcon" in said(client.get("/files/"))) is sees, "a chip, or a word that the field offers"
        assert ("merger.txt" in said(client.get("/files/?tag=falcon"))) is sees
        assert (client.get(f"/files/{private.pk}/").status_code == 200) is sees
        assert bool(key.get("/api/v1/files?tag=falcon").json()["items"]) is sees
        assert ("falcon" in key.get("/api/v1/files").content.decode()) is sees
        with acting(reader), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM files_filetag WHERE key = 'falcon'")
            assert cursor.fetchone() == (int(sees),)
            if reader is person:
                cursor.execute("DELETE FROM files_filetag WHERE key = 'falcon'")
                assert cursor.rowcount == 0
    assert tags_of(private) == ["falcon"]


def test_nobody_tags_anothers_file_in_raw_sql_either() -> None:
    """L1, L20: neither a shared one, nor a private one, nor another workspace's; and nobody rewrites a tag."""
    shared, private = a_file(BOB, visibility="workspace"), a_file(BOB)
    for person, file in ((ALICE, shared), (ALICE, private), (VERA, shared), (CHARLIE, shared)):
        with acting(person), pytest.raises(DatabaseError), transaction.atomic():
            FileTag.objects.create(file_id=file.pk, name="planted", key="planted")
    own = a_file(ALICE, "mine")
    with acting(ALICE), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        FileTag.objects.filter(file=own).update(file=shared)
    assert (tags_of(shared), tags_of(private), tags_of(own)) == ([], [], ["mine"])


def test_chosen_files_are_tagged_together_and_no_other() -> None:
    """L1, L6, L20: among one's own stand a shared one and a colleague's private one; one of one's own is full."""
    mine = [a_file(BOB, name=f"mine {n}.txt") for n in range(2)]
    full = a_file(BOB, *(f"tag {n}" for n in range(MOST_TAGS)))
    shared, secret = a_file(ALICE, visibility="workspace"), a_file(ALICE, "falcon")
    client, chosen = browser(BOB), [str(file.pk) for file in (*mine, full, shared, secret)]
    with heard(signals.file_tagged) as facts:
        page = said(client.post("/files/chosen/tags/add/", {"file": chosen, "tags": "due, 2026"}, follow=True))
    assert "2 files are tagged." in page
    assert "1 file is not tagged: no file may have more than 20 tags." in page
    assert "1 file is not there any more." in page
    assert "1 file is not yours" in page
    assert [fact["target"].pk for fact in facts] == [file.pk for file in mine], "each leaves a record"
    assert [tags_of(file) for file in (*mine, shared, secret)] == [["2026", "due"], ["2026", "due"], [], ["falcon"]]
    page = said(client.post("/files/chosen/tags/remove/", {"file": chosen, "tags": "Due, falcon"}, follow=True))
    assert "3 files are without these tags now." in page
    assert [tags_of(file) for file in (*mine, secret)] == [["2026"], ["2026"], ["falcon"]]
    assert browser(VERA).post("/files/chosen/tags/add/", {"file": chosen, "tags": "due"}).status_code == 403
    assert "Type a tag first" in said(client.post("/files/chosen/tags/add/", {"file": chosen}, follow=True))
    assert "Choose the files first" in said(client.post("/files/chosen/tags/add/", {"tags": "due"}, follow=True))


def change(person: Person, file: File, body: dict[str, Any]) -> Any:
    return program(person).patch(f"/api/v1/files/{file.pk}", body, content_type="application/json")


def test_a_program_sets_tags_and_lists_by_one() -> None:
    file, other = a_file(BOB, "old"), a_file(BOB, "else")
    with heard(signals.file_tagged) as facts:
        assert change(BOB, file, {"tags": [" Contracts ", "2026", "contracts"]}).json()["tags"] == ["2026", "Contracts"]
        assert change(BOB, file, {"tags": ["2026", "Contracts"]}).json()["tags"] == ["2026", "Contracts"]
    assert [(fact["added"], fact["removed"]) for fact in facts] == [(2, 1)], "what stays as it is leaves no record"
    assert change(BOB, file, {"tags": ["CONTRACTS"]}).json()["tags"] == ["CONTRACTS"], (
        "spelled as the program spells it"
    )
    client = program(BOB)
    listed = client.get("/api/v1/files", {"tag": "contracts"}).json()["items"]
    assert [(one["id"], one["tags"]) for one in listed] == [(str(file.pk), ["CONTRACTS"])]
    assert client.get("/api/v1/files", {"tag": "unknown"}).json()["items"] == []
    assert {one["id"] for one in client.get("/api/v1/files").json()["items"]} == {str(file.pk), str(other.pk)}
    assert change(BOB, file, {"tags": []}).json()["tags"] == []
    assert tags_of(other) == ["else"]


def test_a_program_is_told_what_is_no_tag() -> None:
    file = a_file(BOB, "kept")
    for body, sentence in (
        ({"tags": ["a, b"]}, "A tag cannot have a comma in it"),
        ({"tags": ["a\u202eb"]}, "A tag cannot have invisible characters in it"),
        ({"tags": ["x" * 41]}, "at most 40 characters"),
        ({"tags": [f"tag {n}" for n in range(MOST_TAGS + 1)]}, "at most 20 items"),
        ({"tags": None}, "tags"),
        ({}, "It is needed and was not sent"),
        ({"tags": ["a"], "name": "b"}, "There is no such field here"),
    ):
        answer = change(BOB, file, body)
        assert (answer.status_code, sentence in answer.json()["detail"]) == (422, True), (body, answer.content)
    assert change(BOB, file, {"tags": ["a"], "owner": "b"}).status_code == 400
    scoped = program(BOB, scopes=["files:read"])
    assert scoped.patch(f"/api/v1/files/{file.pk}", {"tags": []}, content_type="application/json").status_code == 403
    assert tags_of(file) == ["kept"]

"""What do the pages of files show, to whom, and how do they refuse?"""

import html
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from files import queries, services
from files.models import Embedding, File, Passage
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.doors import browser
from tests.factories import FileFactory
from tests.files import documents, shelf

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])


def part(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def send(person: Person, name: str, content: bytes, **extra: Any) -> Any:
    return browser(person).post("/files/upload/", {"visibility": "private", "file": part(name, content)}, **extra)


def test_an_upload_by_form_ends_on_the_list() -> None:
    response = send(BOB, "terms.txt", b"Refunds take five days.")
    assert (response.status_code, response["Location"]) == (302, "/files/")
    page = browser(BOB).get("/files/").content.decode()
    assert "terms.txt" in page
    assert "Received" in page
    assert "<live-part" in page


def test_whoever_may_read_the_trail_is_led_from_a_file_to_what_was_done_with_it() -> None:
    with acting(ALICE) as alice:
        file, other = (FileFactory(owner_id=alice.membership_id, visibility="private") for _ in range(2))
    for one in (file, other):
        browser(ALICE).post(f"/files/{one.pk}/visibility/", {"visibility": "workspace"})
    link = f"/trail/?target={file.pk}"
    found = {person.name: link in browser(person).get(f"/files/{file.pk}/").content.decode() for person in (ALICE, BOB)}
    assert list(found.values()) == [True, False]
    page = browser(ALICE).get(link)
    assert page.status_code == 200
    assert {entry.target_id for entry in page.context["page"].items} == {str(file.pk)}


def test_an_upload_by_script_is_answered_with_json() -> None:
    response = send(BOB, "terms.txt", b"Refunds take five days.", headers={"accept": "application/json"})
    assert response.status_code == 201
    assert response.json()["files"][0] | {"url": ""} == {
        "name": "terms.txt",
        "url": "",
        "status": "received",
        "is_new": True,
    }


def test_a_file_sent_again_by_script_is_told_in_the_answer_and_not_on_the_next_page() -> None:
    send(BOB, "terms.txt", b"Refunds take five days.")
    again = send(BOB, "copy.txt", b"Refunds take five days.", headers={"accept": "application/json"})
    assert (again.json()["files"][0]["name"], again.json()["files"][0]["is_new"]) == ("terms.txt", False)
    assert "already have this file" not in browser(BOB).get("/files/").content.decode()
    client = browser(BOB)
    client.post("/files/upload/", {"visibility": "private", "file": part("copy.txt", b"Refunds take five days.")})
    assert "You already have this file, as “terms.txt”." in client.get("/files/").content.decode()


def test_several_files_of_one_form_are_all_taken_in() -> None:
    files = [part("one.txt", b"one"), part("two.txt", b"two")]
    assert browser(BOB).post("/files/upload/", {"visibility": "workspace", "file": files}).status_code == 302
    with acting(BOB):
        assert sorted(File.objects.values_list("name", "visibility")) == [
            ("one.txt", "workspace"),
            ("two.txt", "workspace"),
        ]


def test_of_several_files_each_has_its_own_result() -> None:
    """What was taken is not called refused, and what was refused is named."""
    files = [part("one.txt", b"one"), part("setup.exe", b"MZ"), part("two.txt", b"two")]
    response = browser(BOB).post("/files/upload/", {"visibility": "private", "file": files})
    assert response.status_code == 415
    page = html.unescape(response.content.decode())
    assert "2 of 3 files were taken. “setup.exe”: We can't read this type of file." in page
    with acting(BOB):
        assert set(File.objects.values_list("name", flat=True)) == {"one.txt", "two.txt"}


@pytest.mark.parametrize(
    ("name", "content", "status", "word"),
    [("setup.exe", b"MZ", 415, "We can’t read this type"), ("x.svg", b"<svg/>", 415, "We can’t read this type")],
)
def test_a_refused_upload_says_why(name: str, content: bytes, status: int, word: str) -> None:
    response = send(BOB, name, content)
    assert response.status_code == status
    assert word.replace("’", "'") in html.unescape(response.content.decode())
    problem = send(BOB, name, content, headers={"accept": "application/json"})
    assert problem.status_code == status
    assert word.replace("’", "'") in problem.json()["detail"]


def test_the_list_under_a_refused_upload_leads_on_from_where_the_list_is() -> None:
    """It is drawn under an address that takes no GET."""
    with acting(BOB):
        FileFactory.create_batch(30)
    page = html.unescape(send(BOB, "setup.exe", b"MZ").content.decode())
    [older] = re.findall(r'rel="next" href="([^"]+)"', page)
    assert browser(BOB).get(older).status_code == 200
    assert '<form class="filters" method="get" action="/files/"' in page


def test_a_form_without_a_file_says_so() -> None:
    response = browser(BOB).post("/files/upload/", {"visibility": "private"})
    assert response.status_code == 422
    assert "No file arrived" in response.content.decode()


def test_a_viewer_may_read_what_is_shared_and_upload_nothing() -> None:
    shared = shelf.put(BOB, "The handbook for all.", visibility="workspace")
    page = browser(VERA).get(f"/files/{shared.pk}/").content.decode()
    assert "The handbook for all." in page
    assert "Delete" not in page
    assert "upload-file" not in browser(VERA).get("/files/").content.decode()
    assert send(VERA, "x.txt", b"x").status_code == 403


def test_a_colleague_may_read_a_shared_file_and_change_nothing() -> None:
    """L20: sharing grants reading, for each operation anew."""
    shared = shelf.put(BOB, "The handbook for all.", visibility="workspace")
    for verb in ("delete", "visibility", "read-again"):
        response = browser(ALICE).post(f"/files/{shared.pk}/{verb}/", {"visibility": "private"})
        assert response.status_code == 403, verb
    with acting(BOB):
        shared.refresh_from_db()
    assert shared.visibility == "workspace"


def test_the_owner_shares_reads_again_and_deletes() -> None:
    file = shelf.put(BOB, "Mine.")
    client = browser(BOB)
    assert client.post(f"/files/{file.pk}/visibility/", {"visibility": "workspace"}).status_code == 302
    assert browser(ALICE).get(f"/files/{file.pk}/").status_code == 200
    assert client.post(f"/files/{file.pk}/read-again/").status_code == 302
    with acting(BOB):
        file.refresh_from_db()
    assert file.status == "received"
    assert client.post(f"/files/{file.pk}/delete/").status_code == 302
    assert client.get(f"/files/{file.pk}/").status_code == 404


def test_a_state_that_is_settled_redirects_so_that_the_page_loads_again() -> None:
    file = shelf.put(BOB, "Done.")
    client = browser(BOB)
    response = client.get(f"/files/{file.pk}/status/")
    assert (response.status_code, response["Location"]) == (302, "/files/states/")
    assert "<live-part" not in client.get("/files/states/", {"file": str(file.pk)}).content.decode()


def test_a_file_that_is_being_indexed_shows_how_far() -> None:
    file = shelf.put(BOB, "Words and more words. " * 150)
    with acting(BOB):
        File.objects.filter(pk=file.pk).update(status="indexing")
        first = Passage.objects.filter(file=file).order_by("position")[0]
        assert Passage.objects.filter(file=file).count() == 3
        Embedding.objects.filter(file=file).exclude(passage=first).delete()
    for path in (f"/files/{file.pk}/", f"/files/{file.pk}/status/"):
        page = browser(BOB).get(path).content.decode()
        assert "33 %" in page, path
        assert "<live-part" in page, path


def test_a_file_that_nobody_reads_any_more_can_be_read_again() -> None:
    """Killed in the middle, never lost: what shows no sign of life for a quarter of an hour can be started again."""
    file = shelf.put(BOB, "Waiting for nobody.")
    client = browser(BOB)
    with acting(BOB):
        File.objects.filter(pk=file.pk).update(status="received", updated_at=timezone.now())
    assert "Extract the text again" not in client.get(f"/files/{file.pk}/").content.decode()
    with acting(BOB):
        File.objects.filter(pk=file.pk).update(updated_at=timezone.now() - timedelta(minutes=16))
    assert "Extract the text again" in client.get(f"/files/{file.pk}/").content.decode()


def test_a_passage_is_shown_on_its_page_with_the_quote_marked() -> None:
    file = shelf.put(BOB, "Before the quote. Here it is. After the quote.")
    with acting(BOB):
        passage = Passage.objects.get(file=file)
    page = browser(BOB).get(f"/files/{file.pk}/passages/{passage.pk}/?start=18&end=29").content.decode()
    assert 'Before the quote. <mark id="quote">Here it is.</mark> After the quote.' in page
    whole = browser(BOB).get(f"/files/{file.pk}/passages/{passage.pk}/?start=9&end=banana").content.decode()
    assert '<mark id="quote">Before the quote. Here it is. After the quote.</mark>' in whole


def test_a_passage_of_one_file_is_not_found_under_another() -> None:
    one, other = shelf.put(BOB, "One file."), shelf.put(BOB, "Another file.")
    with acting(BOB):
        passage = Passage.objects.get(file=one)
    assert browser(BOB).get(f"/files/{other.pk}/passages/{passage.pk}/").status_code == 404


def test_search_finds_by_words_and_by_meaning_and_marks_the_words() -> None:
    shelf.put(BOB, "Items may be returned within thirty days of delivery.", "returns.txt")
    shelf.put(BOB, "The server room is cooled by two independent units.", "cooling.txt")
    page = browser(BOB).get("/search/", {"q": "delivery"}).content.decode()
    assert "<mark>delivery</mark>" in page
    meant = browser(BOB).get("/search/", {"q": "How long do I have to send something back?"}).content.decode()
    assert "returns.txt" in meant
    assert "cooling.txt" not in meant
    assert "cooling.txt" in browser(BOB).get("/search/", {"q": "cooling"}).content.decode()
    assert "Nothing found" in browser(BOB).get("/search/", {"q": "photosynthesis"}).content.decode()


@pytest.mark.parametrize(
    "question", ["x" * 301, '"(unbalanced & ! ) :*', "\ud800", "<script>alert(1)</script>", "-not", "%"]
)
def test_search_takes_any_question(question: str) -> None:
    shelf.put(BOB, "Some text to look through.")
    response = browser(BOB).get("/search/", {"q": question.encode("utf-8", "surrogatepass")})
    assert response.status_code in {200, 422}
    assert "<script>alert" not in response.content.decode()


def test_a_code_is_found_where_it_stands_literally() -> None:
    shelf.put(
        BOB, "The order of spare parts: parts order, order parts, every order of parts of AX 20 4117.", "near.txt"
    )
    shelf.put(BOB, "A long list of things that are kept on shelves. Part AX-20-4117 is the pump.", "exact.txt")
    page = browser(BOB).get("/search/", {"q": "AX-20-4117"}).content.decode()
    assert "exact.txt" in page
    assert "near.txt" not in page or page.index("exact.txt") < page.index("near.txt")


def test_hostile_text_and_names_are_escaped_everywhere() -> None:
    """L19: the words of a document and its name are as hostile as any input."""
    evil = "The words <script>alert('delivery')</script> are about delivery."
    file = shelf.put(BOB, evil, "<img src=x onerror=alert(1)>.txt")
    with acting(BOB):
        passage = Passage.objects.get(file=file)
    client = browser(BOB)
    for path in ("/files/", f"/files/{file.pk}/", f"/files/{file.pk}/passages/{passage.pk}/", "/search/?q=delivery"):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "&lt;img src=x" in page, path


def test_a_strangers_and_a_missing_file_look_alike() -> None:
    """L4, L5: preview, passage, status, download: the same bytes for foreign and missing."""
    theirs = shelf.put(CHARLIE, "Birch only.", visibility="workspace")
    with acting(CHARLIE):
        passage = Passage.objects.get(file=theirs)
    client = browser(ALICE)
    nothing = uuid.uuid4()
    for suffix in ("", "status/", "row/", "content/", f"passages/{passage.pk}/"):
        foreign = client.get(f"/files/{theirs.pk}/{suffix}")
        missing = client.get(f"/files/{nothing}/{suffix}")
        assert foreign.status_code == missing.status_code == 404, suffix
        assert without_ids(foreign) == without_ids(missing), suffix


def without_ids(response: Any) -> str:
    page = str(response.content.decode())
    return page.replace(str(response["X-Request-Id"]), "…")


def test_every_page_shows_the_workspace_and_works_empty() -> None:
    for path in (
        "/files/",
        "/search/",
        "/files/?q=nothing",
        "/files/?status=ready",
        "/files/?status=nonsense",
        "/files/?cursor=x",
    ):
        response = browser(BOB).get(path)
        assert response.status_code == (400 if "cursor" in path else 200), path
        if response.status_code == 200:
            assert "Acme" in response.content.decode()


def test_a_real_pdf_shows_its_pages_with_their_passages() -> None:
    with acting(BOB):
        file = services.ingest(
            actor=BOB.tenant, content=documents.pdf([[f"Text of page {n}."] for n in range(1, 31)]), name="thirty.pdf"
        )
    page = browser(BOB).get(f"/files/{file.pk}/").content.decode()
    assert "<bdi>Page 20</bdi>" in page
    assert "Text of page 20." in page
    assert "Text of page 21." not in page
    assert 'href="?from=20"' in page
    with acting(BOB):
        third = Passage.objects.get(file=file, position=2)
    assert f"/files/{file.pk}/passages/{third.pk}/#quote" in page
    further = browser(BOB).get(f"/files/{file.pk}/?from=20").content.decode()
    assert "Text of page 30." in further
    assert 'rel="prev" href="?from=0"' in further
    assert "Text of page 25." in browser(BOB).get(f"/files/{file.pk}/?page=25").content.decode()
    assert "Text of page 24." not in browser(BOB).get(f"/files/{file.pk}/?page=25").content.decode()


def test_a_preview_asks_as_much_of_ten_thousand_pages_as_of_two(django_assert_num_queries: Any) -> None:
    for pages in (2, 10_000):
        file = shelf.put(BOB, f"A book of {pages} pages.", f"{pages}.txt")
        with acting(BOB):
            Passage.objects.bulk_create(
                Passage(file=file, position=n, page=n + 1, label=f"Page {n + 1}", text=f"Words {n}.", start=0, end=9)
                for n in range(1, pages)
            )
            with django_assert_num_queries(1):
                shown = queries.preview(file, pages // 2, 20)
            assert (shown.pages[0].label, shown.shown) == (f"Page {pages // 2 + 1}", min(20, pages - pages // 2))
            with django_assert_num_queries(1):
                assert queries.position_of_page(file, pages) == pages - 1

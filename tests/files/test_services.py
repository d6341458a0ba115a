"""Does a file come in once, get read to the end whatever happens on the way, and go without a trace?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.base import File as DjangoFile
from django.db import connection, transaction
from django.dispatch import Signal

from accounts.http import Tenant
from accounts.tenancy.context import workspace
from files import embedding, jobs, services, signals, storage
from files.models import Embedding, File, Passage, Visibility
from files.refusals import DocumentRefused, Reason
from files.uploads import from_bytes
from tests.cast import ALICE, BOB, CHARLIE, Person, acting
from tests.files import documents

pytestmark = pytest.mark.django_db


def take(person: Person, content: bytes, name: str = "notes.txt", visibility: str = "private") -> services.Upload:
    with from_bytes(name, content) as received:
        return services.upload(actor=person.tenant, content=received, name=name, visibility=visibility)


def ingest(person: Person, content: bytes, name: str = "notes.txt", visibility: str = "private") -> File:
    return services.ingest(actor=person.tenant, content=content, name=name, visibility=visibility)


@contextmanager
def heard(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    facts: list[dict[str, Any]] = []

    def listen(**fact: object) -> None:
        facts.append(fact)

    signal.connect(listen)
    try:
        yield facts
    finally:
        signal.disconnect(listen)


def test_a_file_becomes_ready_with_passages_and_vectors() -> None:
    with acting(ALICE), heard(signals.file_uploaded) as uploaded, heard(signals.file_ready) as ready:
        file = ingest(ALICE, documents.pdf([["Refunds take five days."], ["Returns are free of charge."]]), "terms.pdf")
        assert (file.status, file.refusal, file.pages, file.name) == ("ready", "", 2, "terms.pdf")
        rows = list(Passage.objects.filter(file=file).order_by("position"))
        assert [(row.page, row.label, row.text) for row in rows] == [
            (1, "Page 1", "Refunds take five days."),
            (2, "Page 2", "Returns are free of charge."),
        ]
        assert Embedding.objects.filter(file=file).count() == 2
        assert len(uploaded) == len(ready) == 1
        assert (ready[0]["actor"], ready[0]["pages"], ready[0]["passages"]) == (ALICE.tenant, 2, 2)


def test_an_upload_waits_for_a_job_that_was_handed_in_with_it() -> None:
    with acting(ALICE):
        taken = take(ALICE, b"some words")
        assert taken.file.status == File.Status.RECEIVED
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(id) FROM procrastinate_jobs")
            assert cursor.fetchone() == (1,)


def test_the_same_bytes_twice_are_one_file() -> None:
    """Duplicate submits: one result."""
    with acting(ALICE):
        first, second = take(ALICE, b"the same"), take(ALICE, b"the same", "other name.txt")
        assert (first.is_new, second.is_new) == (True, False)
        assert second.file.pk == first.file.pk
        assert File.objects.count() == 1


def test_two_submits_at_once_are_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Duplicate submits: one result, also when neither saw the other coming."""
    with acting(ALICE):
        first = take(ALICE, b"raced")
        seen: list[object] = []

        def blind_at_first(actor: Tenant, sha256: str) -> File | None:
            seen.append(sha256)
            return None if len(seen) == 1 else first.file

        monkeypatch.setattr(services, "_known", blind_at_first)
        second = take(ALICE, b"raced")
        assert (second.is_new, second.file.pk) == (False, first.file.pk)
        assert File.objects.count() == 1


def test_nobody_learns_from_a_duplicate_what_a_colleague_keeps_private() -> None:
    with acting(BOB):
        private = take(BOB, b"the salary list")
    with acting(ALICE):
        mine = take(ALICE, b"the salary list")
        assert mine.is_new
        assert mine.file.pk != private.file.pk


def test_a_colleagues_shared_file_is_not_stored_twice() -> None:
    with acting(BOB):
        shared = take(BOB, b"the handbook", visibility=Visibility.WORKSPACE)
    with acting(ALICE):
        known = take(ALICE, b"the handbook")
        assert (known.is_new, known.file.pk) == (False, shared.file.pk)


def test_the_same_bytes_in_another_workspace_are_another_file() -> None:
    with acting(ALICE):
        ours = take(ALICE, b"twins", visibility=Visibility.WORKSPACE)
    with acting(CHARLIE):
        theirs = take(CHARLIE, b"twins", visibility=Visibility.WORKSPACE)
        assert theirs.is_new
        assert theirs.file.storage_key.split("/")[0] == CHARLIE.tenant.workspace_id.hex
        with pytest.raises(storage.ForeignKeyRefused):
            storage.open_bytes(ours.file.storage_key)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("empty.txt", b"", "no bytes"),
        ("locked.pdf", documents.encrypted_pdf("secret"), "password"),
        ("broken.pdf", documents.pdf([["x"]])[:500], "damaged"),
        ("picture.pdf", b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, "PNG image"),
        ("macros.docx", documents.with_entries(documents.word([("a", "b")]), {"word/vbaProject.bin": b"x"}), "macros"),
    ],
)
def test_a_bad_document_ends_refused_with_a_sentence_and_nothing_stored(
    name: str, content: bytes, word: str, django_capture_on_commit_callbacks: Any
) -> None:
    """Bad input gets: refused, with the reason, the worker alive, nothing half-stored."""
    with acting(ALICE), heard(signals.file_refused) as refused:
        with django_capture_on_commit_callbacks(execute=True):
            file = ingest(ALICE, content, name)
        assert file.status == File.Status.REFUSED
        assert word in file.refusal
        assert len(refused) == 1
        assert not storage.exists(file.storage_key)
        assert not Passage.objects.filter(file=file).exists()


def test_a_refused_file_may_be_tried_again_and_is_not_shown_twice() -> None:
    with acting(ALICE):
        first = ingest(ALICE, b"")
        second = ingest(ALICE, b"")
        assert first.pk != second.pk
        assert list(File.objects.values_list("pk", flat=True)) == [second.pk]


def test_a_type_that_is_not_on_the_list_is_not_taken_in() -> None:
    with acting(ALICE), pytest.raises(DocumentRefused) as caught:
        take(ALICE, b"MZ", "setup.exe")
    assert caught.value.reason is Reason.UNKNOWN_TYPE
    with acting(ALICE):
        assert not File.objects.exists()


def test_reading_goes_on_where_a_killed_worker_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed worker in the middle: resumed, never lost. What was indexed stays, the rest follows."""
    monkeypatch.setattr(services, "INDEXED_AT_ONCE", 2)
    long = "\n\n".join(f"Paragraph {number}. " + "Words and more words. " * 45 for number in range(5)).encode()
    with acting(ALICE):
        taken = take(ALICE, long)
        true_embed, calls = embedding.embed, list[int]()

        def killed_later(texts: list[str]) -> list[list[float]]:
            calls.append(len(texts))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return true_embed(texts)

        monkeypatch.setattr(embedding, "embed", killed_later)
        with pytest.raises(KeyboardInterrupt):
            jobs.read(ALICE.tenant, str(taken.file.pk))
        taken.file.refresh_from_db()
        assert taken.file.status == File.Status.INDEXING
        kept = set(Embedding.objects.filter(file=taken.file).values_list("pk", flat=True))
        assert len(kept) == services.INDEXED_AT_ONCE
        monkeypatch.setattr(embedding, "embed", true_embed)
        jobs.read(ALICE.tenant, str(taken.file.pk))
        taken.file.refresh_from_db()
        assert taken.file.status == File.Status.READY
        assert kept < set(Embedding.objects.filter(file=taken.file).values_list("pk", flat=True))
        assert Embedding.objects.filter(file=taken.file).count() == Passage.objects.filter(file=taken.file).count()


def test_reading_twice_changes_nothing() -> None:
    with acting(ALICE):
        file = ingest(ALICE, b"once and for all")
        before = list(Passage.objects.filter(file=file).values_list("pk", flat=True))
        with heard(signals.file_ready) as ready:
            jobs.read(ALICE.tenant, str(file.pk))
        assert ready == []
        assert list(Passage.objects.filter(file=file).values_list("pk", flat=True)) == before


def test_a_file_deleted_while_it_is_read_stays_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    with acting(ALICE):
        taken = take(ALICE, b"short lived")
        true_embed = embedding.embed

        def deleted_meanwhile(texts: list[str]) -> list[list[float]]:
            services.delete(actor=ALICE.tenant, file=taken.file)
            return true_embed(texts)

        monkeypatch.setattr(embedding, "embed", deleted_meanwhile)
        jobs.read(ALICE.tenant, str(taken.file.pk))
        assert not File.objects.exists()
        assert not Embedding.objects.exists()


def test_a_job_that_failed_for_good_marks_its_file_and_keeps_the_bytes() -> None:
    with acting(ALICE):
        taken = take(ALICE, b"unlucky")
        jobs.mark_unreadable(ALICE.tenant, str(taken.file.pk))
        taken.file.refresh_from_db()
        assert taken.file.status == File.Status.REFUSED
        assert "read again" in taken.file.refusal
        services.requeue(actor=ALICE.tenant, file=taken.file)
        jobs.read(ALICE.tenant, str(taken.file.pk))
        taken.file.refresh_from_db()
        assert taken.file.status == File.Status.READY


def test_missing_bytes_are_said(django_capture_on_commit_callbacks: Any) -> None:
    with acting(ALICE):
        taken = take(ALICE, b"vanishing")
        storage.delete(taken.file.storage_key)
        jobs.read(ALICE.tenant, str(taken.file.pk))
        taken.file.refresh_from_db()
        assert (taken.file.status, "missing" in taken.file.refusal) == (File.Status.REFUSED, True)


def test_deleting_removes_bytes_passages_and_vectors(django_capture_on_commit_callbacks: Any) -> None:
    with acting(ALICE), heard(signals.file_deleted) as deleted:
        file = ingest(ALICE, b"to be deleted")
        with django_capture_on_commit_callbacks(execute=True):
            services.delete(actor=ALICE.tenant, file=file)
        assert not storage.exists(file.storage_key)
        assert not File.objects.exists()
        assert not Passage.objects.exists()
        assert not Embedding.objects.exists()
        assert len(deleted) == 1


def test_bytes_of_an_upload_that_was_rolled_back_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No unlogged change: when the record fails, the file was never there, on the disk neither."""
    kept: list[str] = []
    true_save = storage.save

    def watched(key: str, content: DjangoFile) -> None:  # type: ignore[type-arg]  # generic in the stubs only
        kept.append(key)
        true_save(key, content)

    monkeypatch.setattr(storage, "save", watched)

    def broken(**fact: object) -> None:
        raise RuntimeError("the trail is closed")

    signals.file_uploaded.connect(broken)
    try:
        with acting(ALICE), pytest.raises(RuntimeError), transaction.atomic():
            take(ALICE, b"unrecorded")
    finally:
        signals.file_uploaded.disconnect(broken)
    with acting(ALICE):
        assert not storage.exists(kept[0])
        assert not File.objects.exists()


def test_sharing_is_seen_by_colleagues_and_undone() -> None:
    with acting(BOB):
        file = ingest(BOB, b"first private, then shared")
    with acting(ALICE):
        assert not File.objects.exists()
    with acting(BOB):
        services.share(actor=BOB.tenant, file=file, visibility=Visibility.WORKSPACE)
    with acting(ALICE):
        assert Passage.objects.filter(file=file).count() == 1
    with acting(BOB):
        services.share(actor=BOB.tenant, file=file, visibility=Visibility.PRIVATE)
    with workspace(ALICE.tenant.workspace_id, ALICE.tenant.membership_id):
        assert not Passage.objects.exists()


def test_a_member_waits_for_so_many_files_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person's documents must not fill the workers; a colleague's are counted by themselves."""
    monkeypatch.setattr(services, "MOST_UNREAD", 2)
    with acting(BOB):
        take(BOB, b"one")
        take(BOB, b"two")
        with pytest.raises(services.TooManyUnread, match="still being read"):
            take(BOB, b"three")
        assert File.objects.count() == 2
    with acting(ALICE):
        assert take(ALICE, b"three").is_new
    with acting(BOB):
        services.read(actor=BOB.tenant, file_id=File.objects.filter(owner_id=BOB.membership_id)[0].pk)
        assert take(BOB, b"three").is_new

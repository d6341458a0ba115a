"""What happens while the object store is away: is it said clearly, is nothing kept by half, and is it all made up for afterwards?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings
from storages.backends.s3 import S3Storage

from accounts import jobs as queue
from accounts.jobs import RetryLater
from accounts.models import Membership
from accounts.services import members
from aiaxis.console import overview
from files import jobs, objects, services, storage
from files.models import File
from files.uploads import from_bytes
from tests.cast import ACME, ALICE, BOB, acting
from tests.doors import browser, program
from tests.files import bucket
from tests.files.outages import look_anew, store_away

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

TEXT = b"Refunds take five days."


@pytest.fixture(scope="module")
def server() -> Iterator[bucket.Server]:
    with bucket.running() as found:
        yield found


@pytest.fixture(scope="module")
def looking_in(server: bucket.Server) -> Any:
    found = bucket.client(server.address)
    found.create_bucket(Bucket=bucket.BUCKET)
    return found


@pytest.fixture
def store(
    server: bucket.Server, looking_in: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Any]:
    """Files are kept in the bucket from here on; the client looks in from behind."""
    monkeypatch.setattr(objects, "TRIES", 1)
    settings.AIAXIS_HOME, settings.STORAGES = tmp_path, bucket.configured(server.address)
    yield looking_in
    for key in names(looking_in):
        looking_in.delete_object(Bucket=bucket.BUCKET, Key=key)


def names(store: Any) -> list[str]:
    return [one["Key"] for one in store.list_objects_v2(Bucket=bucket.BUCKET).get("Contents", [])]


def kept() -> File:
    """A file of Bob's, taken in and not read."""
    with acting(BOB), from_bytes("notes.txt", TEXT) as received:
        return services.upload(actor=BOB.tenant, content=received, name="notes.txt").file


def jobs_that_wait() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(id) FROM procrastinate_jobs")
        return int(cursor.fetchone()[0])


def test_an_upload_is_refused_in_a_sentence_and_nothing_of_it_stays(
    server: bucket.Server, store: Any, settings: Settings
) -> None:
    said = (
        "The place where files are kept can&#x27;t be written to, so this file was not stored. Try again in a minute."
    )
    with store_away(server):
        api = program(BOB).post("/api/v1/files", {"file": SimpleUploadedFile("new.txt", TEXT)})
        page = browser(BOB).post(
            "/files/upload/", {"file": SimpleUploadedFile("new.txt", TEXT), "visibility": "private"}
        )
    assert (api.status_code, api.json()["detail"], bool(api["Retry-After"])) == (503, said.replace("&#x27;", "'"), True)
    assert (page.status_code, said in page.content.decode()) == (503, True)
    with acting(BOB):
        assert not File.objects.exists()
    assert names(store) == []
    assert list((settings.AIAXIS_HOME / "storage" / "incoming").iterdir()) == []


def test_a_download_is_refused_in_a_sentence_and_pages_stand(server: bucket.Server, store: Any) -> None:
    file = kept()
    with store_away(server):
        for headers in ({}, {"Range": "bytes=0-3"}):
            page = browser(BOB).get(f"/files/{file.pk}/content/", headers=headers)
            api = program(BOB).get(f"/api/v1/files/{file.pk}/content", headers=headers)
            assert (page.status_code, b"reached. Try again" in page.content) == (503, True)
            assert (api.status_code, bool(api["Retry-After"])) == (503, True)
        assert browser(BOB).get(f"/files/{file.pk}/").status_code == browser(BOB).get("/files/").status_code == 200
    back: Any = browser(BOB).get(f"/files/{file.pk}/content/")
    assert b"".join(back.streaming_content) == TEXT


def test_a_file_that_is_to_be_read_waits_as_long_as_it_takes(server: bucket.Server, store: Any) -> None:
    """A job is tried five times in three minutes: an hour's outage refused every file that came shortly before."""
    file, before = kept(), jobs_that_wait()
    with acting(BOB), store_away(server):
        for count in (1, 2):
            jobs.read(BOB.tenant, file_id=str(file.pk))
            assert (File.objects.get().status, jobs_that_wait()) == ("checking", before + count)
    with acting(BOB):
        jobs.read(BOB.tenant, file_id=str(file.pk))
        assert File.objects.get().status == "ready"


def test_one_whose_bytes_alone_are_refused_is_given_up_in_the_end(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is there: whoever waited for it would wait for ever, and see no reason."""

    def refuse(*args: object) -> bytes:
        raise OSError("The object store refused: AccessDenied.")

    file, before = kept(), jobs_that_wait()
    monkeypatch.setattr(objects.ObjectStorage, "fetch", refuse)
    with acting(BOB), pytest.raises(RetryLater):
        jobs.read(BOB.tenant, file_id=str(file.pk))
    assert jobs_that_wait() == before


def test_bytes_of_a_file_that_was_deleted_meanwhile_go_as_soon_as_they_can(
    server: bucket.Server, store: Any, django_capture_on_commit_callbacks: Any
) -> None:
    """L: after the fifth try nobody removed them any more, and no row named them."""
    file, before = kept(), jobs_that_wait()
    with store_away(server), acting(BOB):
        with django_capture_on_commit_callbacks(execute=True):
            assert program(BOB).delete(f"/api/v1/files/{file.pk}").status_code == 204
        assert jobs_that_wait() == before + 1
        for count in (2, 3):
            jobs.forget_bytes(BOB.tenant, key=file.storage_key)
            assert jobs_that_wait() == before + count
    assert names(store) == [file.storage_key]
    with acting(BOB):
        jobs.forget_bytes(BOB.tenant, key=file.storage_key)
    assert (names(store), jobs_that_wait()) == ([], before + 3)


def test_bytes_go_also_when_whoever_deleted_the_file_has_left_meanwhile(
    server: bucket.Server, store: Any, django_capture_on_commit_callbacks: Any
) -> None:
    """L13 is for what is to be done in somebody's name: this was done, and a member's leaving kept the rest of it for ever."""
    file = kept()
    with store_away(server), acting(BOB), django_capture_on_commit_callbacks(execute=True):
        assert program(BOB).delete(f"/api/v1/files/{file.pk}").status_code == 204
    with acting(ALICE):
        members.remove(actor=ALICE.tenant, member=Membership.objects.get(pk=BOB.membership_id))
    assert [one.name for one in queue.REGISTRY.values() if one.of_gone] == ["files.forget_bytes"]
    handed_in = queue.sealed("files.forget_bytes", ACME.id, BOB.membership_id, {"key": file.storage_key})
    queue.run(0, "files.forget_bytes", handed_in, attempt=0)
    assert names(store) == []


def test_what_a_failed_upload_left_is_removed_as_soon_as_it_can(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that falls silent may have what it was sent: its owner was told that it was not stored, and no row names it."""
    written = S3Storage._save

    def lost(self: S3Storage, name: str, content: Any) -> None:
        written(self, name, content)
        raise ReadTimeoutError(endpoint_url="https://store.test")

    def silent(self: S3Storage, name: str) -> None:
        raise ReadTimeoutError(endpoint_url="https://store.test")

    before = jobs_that_wait()
    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "_save", lost)
        patch.setattr(S3Storage, "delete", silent)
        api = program(BOB).post("/api/v1/files", {"file": SimpleUploadedFile("new.txt", TEXT)})
    assert (api.status_code, jobs_that_wait()) == (503, before + 1)
    [key] = names(store)
    with acting(BOB):
        jobs.forget_bytes(BOB.tenant, key=key)
    assert names(store) == []


def test_a_store_that_hangs_is_not_waited_for_by_everybody(
    store: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """Each would wait for a minute and a half: four files of two workspaces held every place of a worker, mails' and exports' too."""
    monkeypatch.setattr(objects, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(objects, "SILENCE_SECONDS", 0.1)
    file, before = kept(), jobs_that_wait()
    with acting(BOB):
        File.objects.update(status="refused")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.STORAGES = bucket.configured(f"http://127.0.0.1:{silent.getsockname()[1]}")
        look_anew()
        assert browser(BOB).get(f"/files/{file.pk}/").status_code == 200
        assert browser(BOB).get(f"/files/{file.pk}/content/").status_code == 503
        upload = program(BOB).post("/api/v1/files", {"file": SimpleUploadedFile("new.txt", b"Another.")})
        assert upload.status_code == 503
        with acting(BOB):
            File.objects.update(status="received")
            jobs.read(BOB.tenant, file_id=str(file.pk))
            with django_capture_on_commit_callbacks(execute=True):
                services.delete(actor=BOB.tenant, file=file)
        assert jobs_that_wait() == before + 2
        # The one who looked.
        assert callers(silent) == 1


def callers(server: socket.socket) -> int:
    """How many have connected to a server that takes no call."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_whoever_waits_for_the_store_holds_no_connection(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two dozen downloads from a store that hangs would have held all of a process, and no page been answered."""
    monkeypatch.setattr(S3Storage, "exists", lambda *_: connection.connection is not None)

    def is_held() -> bool:
        try:
            with acting(BOB):
                assert not File.objects.exists()
                assert connection.connection is not None
                return storage.exists(storage.new_key())
        finally:
            connections.close_all()

    # On a thread of its own: the test's connection is in a transaction, and is kept.
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(is_held).result()


def test_a_probe_and_the_operators_are_told(server: bucket.Server, store: Any, client: Client) -> None:
    """It degrades and does not stop: without the store everything but bytes goes on, at every host alike."""
    for away, state, words in (
        (False, "ok", "The bucket answered"),
        (True, "silent", "The bucket does not answer, or refuses us."),
        (False, "ok", "The bucket answered"),
    ):
        if away:
            with store_away(server):
                told, part = client.get("/readyz"), overview._files()
        else:
            told, part = client.get("/readyz"), overview._files()
        assert (told.status_code, told.json()["parts"]["files"]) == (200, state)
        assert (part.state, words in part.words) == (state, True)
        assert overview._disk().label == "Disk of the spool and of uploads that arrive"
        assert told.json()["status"] == ("degraded" if away else told.json()["status"])


@pytest.mark.parametrize("wrong", ["no-such-bucket", "silent"])
def test_a_wrong_bucket_and_one_that_never_answers_are_away_too(
    store: Any, server: bucket.Server, settings: Settings, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setattr(objects, "LOOK_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}" if wrong == "silent" else server.address
        settings.STORAGES = bucket.configured(address, wrong)
        look_anew()
        assert storage.is_away()


def test_a_store_that_hangs_is_asked_by_one_at_a_time(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """L: probes of every host and everybody who watches would hold a thread each."""
    assert not storage.is_away()
    look_anew()
    asked: list[bool] = []
    monkeypatch.setattr(objects.ObjectStorage, "look", lambda _: asked.append(storage.is_away()))
    assert not storage.is_away()
    assert asked == [False], "whoever came meanwhile was told what was seen before"
    assert not storage.is_away()
    assert len(asked) == 1, "and for a while nobody asks again"

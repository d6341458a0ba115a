"""Does everything about a file's bytes work in an object store as on a disk, over the wire, and stay private there?"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from accounts.tenancy.context import whole_workspace
from aiaxis import stores
from aiaxis.environment import Environment
from files import objects, services, storage
from files.models import File
from files.uploads import from_bytes
from tests.cast import ACME, BOB, CHARLIE, Person, acting
from tests.doors import browser, program
from tests.files import bucket, documents

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

NAME = "terms, final; äöü.pdf"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with bucket.running() as server:
        bucket.client(server.address).create_bucket(Bucket=bucket.BUCKET)
        yield server.address


@pytest.fixture
def store(address: str, settings: Settings) -> Iterator[Any]:
    """Files are kept in the bucket from here on; the client looks in from behind."""
    settings.STORAGES = configured(address)
    found = bucket.client(address)
    yield found
    for key in names(found):
        found.delete_object(Bucket=bucket.BUCKET, Key=key)


def configured(address: str, **more: str) -> dict[str, Any]:
    return bucket.configured(address, **{"FILES_S3_PREFIX": "some/where", **more})


def environment(given: dict[str, str]) -> Environment:
    """An environment that holds this and nothing else."""
    made = Environment()
    made.ENVIRON = given
    return made


def names(store: Any) -> list[str]:
    return [one["Key"] for one in store.list_objects_v2(Bucket=bucket.BUCKET).get("Contents", [])]


def fetch(file: File, **headers: str) -> Any:
    return browser(BOB).get(f"/files/{file.pk}/content/", headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_a_file_is_uploaded_read_given_out_and_deleted(store: Any, django_capture_on_commit_callbacks: Any) -> None:
    """The whole way, over the wire; its name is nowhere in the store, and nobody can fetch it there without a key."""
    content = documents.pdf([["Refunds take five days."], ["Returns are free of charge."]])
    taken = program(BOB).post("/api/v1/files", {"file": SimpleUploadedFile(NAME, content)})
    assert taken.status_code == 201
    with acting(BOB):
        services.read(actor=BOB.tenant, file_id=taken.json()["id"])
        file = File.objects.get()
        assert (file.status, file.pages, file.passages.count()) == ("ready", 2, 2)
    (key,) = names(store)
    assert re.fullmatch(f"some/where/{ACME.id.hex}/[0-9a-f]{{32}}", key)
    head = store.head_object(Bucket=bucket.BUCKET, Key=key)
    assert (head["ContentType"], head["Metadata"], head["ContentLength"]) == (
        "application/octet-stream",
        {},
        len(content),
    )
    grants = store.get_object_acl(Bucket=bucket.BUCKET, Key=key)["Grants"]
    assert "AllUsers" not in json.dumps(grants)
    response = fetch(file)
    assert (response.status_code, body(response)) == (200, content)
    assert "Location" not in response
    assert bucket.BUCKET not in json.dumps(dict(response.headers))
    with acting(BOB), django_capture_on_commit_callbacks(execute=True):
        assert browser(BOB).post(f"/files/{file.pk}/delete/").status_code == 302
    assert names(store) == []


RANGES = {
    "bytes=0-3": (206, slice(0, 4), "bytes 0-3/600000"),
    "bytes=262140-300000": (206, slice(262140, 300001), "bytes 262140-300000/600000"),
    "bytes=-5": (206, slice(-5, None), "bytes 599995-599999/600000"),
    "bytes=600000-": (416, slice(0, 0), "bytes */600000"),
    "bytes=0-1,4-5": (200, slice(0, None), None),
}


def test_a_range_is_fetched_and_no_more_than_a_piece_around_it(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """L5: through the same gate as on a disk; a client that wants the first bytes costs the store no whole file."""
    content, fetched, plain = os.urandom(600_000), list[int](), objects.ObjectStorage.fetch

    def counted(self: Any, key: str, first: int, length: int) -> bytes:
        fetched.append(length)
        return plain(self, key, first, length)

    monkeypatch.setattr(objects.ObjectStorage, "fetch", counted)
    file = kept(content)
    for asked, (status, given, stated) in RANGES.items():
        fetched.clear()
        response = fetch(file, range=asked)
        assert (response.status_code, response.get("Content-Range")) == (status, stated)
        assert body(response) == content[given]
        assert sum(fetched) <= (objects.FIRST_PIECE if status != 200 else len(content)), asked
    fetched.clear()
    head = browser(BOB).head(f"/files/{file.pk}/content/", headers={"range": "bytes=0-3"})
    # Only a GET has ranges; nothing is fetched for headers alone.
    assert (head.status_code, head["Content-Length"], fetched) == (200, "600000", [])
    head.close()


def test_another_workspace_gets_neither_bytes_nor_a_key(store: Any) -> None:
    """L29: the store's own keys carry the workspace, and the gate asks before anything is fetched."""
    file = kept(b"Falcon")
    assert fetch_as_stranger(file).status_code == 404
    with acting(CHARLIE), pytest.raises(storage.ForeignKeyRefused):
        storage.open_bytes(file.storage_key)
    with pytest.raises(NotImplementedError):
        storages["default"].url(file.storage_key)


def test_of_a_workspace_that_ends_no_object_stays(store: Any) -> None:
    kept(b"one")
    kept(b"two")
    kept(b"Birch's", CHARLIE)
    with whole_workspace(ACME.id):
        assert storage.erase() == 2
    assert [key.split("/")[2] for key in names(store)] == [CHARLIE.tenant.workspace_id.hex]
    with acting(CHARLIE):
        assert storage.erase() == 1


def test_a_reader_goes_anywhere_in_an_object(store: Any) -> None:
    content = os.urandom(objects.FIRST_PIECE * 3)
    file = kept(content)
    with acting(BOB), storage.open_bytes(file.storage_key) as reader:
        assert reader.seek(-10, io.SEEK_END) == len(content) - 10
        assert reader.read() == content[-10:]
        assert reader.read(1) == b""
        reader.seek(5)
        assert reader.read(100) == content[5:105]
    with acting(BOB), storage.local_copy(file.storage_key) as copy:
        copy.seek(0)
        assert copy.read() == content
        assert os.fstat(copy.fileno()).st_size == len(content)


def kept(content: bytes, person: Person = BOB) -> File:
    """One more file of theirs, taken in by the service and not read."""
    with acting(person), from_bytes("notes.txt", content) as received:
        return services.upload(actor=person.tenant, content=received, name="notes.txt").file


def fetch_as_stranger(file: File) -> Any:
    return browser(CHARLIE).get(f"/files/{file.pk}/content/")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"FILES_S3_BUCKET": "", "FILES_S3_REGION": "eu-central-1"}, "FILES_S3_BUCKET must be set"),
        ({"FILES_S3_BUCKET": "https://x/y"}, "FILES_S3_BUCKET must be a bucket's name"),
        ({"FILES_S3_ENDPOINT": "http://store.example"}, "FILES_S3_ENDPOINT must begin with https://"),
        ({"FILES_S3_SECRET_KEY": ""}, "must be set together"),
        ({"FILES_S3_PREFIX": "../up"}, "FILES_S3_PREFIX must be"),
        ({"FILES_S3_ADDRESSING": "dns"}, "FILES_S3_ADDRESSING must be auto or path or virtual"),
        ({"FILES_S3_ENCRYPTION": "rot13"}, "FILES_S3_ENCRYPTION must be"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_no_secret_is_in_the_words(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=says) as caught:
        configured("http://127.0.0.1:9", **wrong)
    assert bucket.KEYS["FILES_S3_SECRET_KEY"] not in str(caught.value)


def test_without_a_bucket_files_lie_in_a_private_folder() -> None:
    found = stores.of(environment({}), Path("/home-of-it"))["default"]
    assert (found["OPTIONS"]["location"], found["OPTIONS"]["file_permissions_mode"]) == (
        Path("/home-of-it/storage"),
        0o600,
    )

"""Does an upload stop at the cap whatever the client claims about its length, and is nothing of it left?"""

import hashlib
import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.test import RequestFactory

from files import storage, uploads
from files.models import File
from files.uploads import CappedUploadHandler, UploadStopped
from tests.cast import BOB, acting
from tests.doors import browser, program

BOUNDARY = "frontier"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def multipart(content: bytes, name: str = "a.txt", field: str = "file") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def parse(body: Any, length: int | None = None) -> Any:
    request = RequestFactory().post("/files/upload/")
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    meta = {"CONTENT_TYPE": TYPE, "CONTENT_LENGTH": str(len(body) if length is None else length)}
    request._post, request._files = MultiPartParser(meta, stream, [CappedUploadHandler(request)]).parse()  # type: ignore[attr-defined]  # as Django's request does
    return request


def leftovers() -> list[Path]:
    return list((Path(settings.AIAXIS_HOME) / "storage" / "incoming").glob("*"))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for old in leftovers():
        old.unlink()
    monkeypatch.setattr(uploads, "LARGEST_BYTES", 300_000)
    monkeypatch.setattr(uploads, "PATIENCE_BYTES", 900_000)


def test_bytes_are_counted_and_hashed_while_they_arrive() -> None:
    content = os.urandom(250_000)
    (one,) = uploads.received(parse(multipart(content)))
    assert (one.size, one.sha256, one.read()) == (250_000, hashlib.sha256(content).hexdigest(), content)
    assert Path(one.temporary_file_path()).stat().st_mode & 0o777 == 0o600
    one.close()
    assert leftovers() == []


def test_no_part_of_a_client_name_becomes_a_path() -> None:
    """L28: the temporary file is named by us alone."""
    (one,) = uploads.received(parse(multipart(b"x", "..\\..\\evil.php.txt")))
    assert "evil" not in one.temporary_file_path()
    assert "php" not in one.temporary_file_path()
    one.close()


class Drip(io.RawIOBase):
    """A body whose length nobody announced, as in a chunked request."""

    def __init__(self, total: int) -> None:
        self.head = multipart(b"")[: -len(f"\r\n--{BOUNDARY}--\r\n")]
        self.left = total
        self.served = 0

    def read(self, size: int = -1) -> bytes:
        if self.head:
            head, self.head = self.head, b""
            return head
        chunk = b"x" * min(size if size > 0 else 65536, self.left)
        self.left -= len(chunk)
        self.served += len(chunk)
        return chunk


@pytest.mark.parametrize("claimed", [10, 200_000])
def test_a_chunked_or_lying_length_meets_the_same_cap(claimed: int) -> None:
    """L52: no Content-Length, or a wrong one: what arrives is what counts."""
    body = Drip(50_000_000)
    request = parse(body, claimed)
    with pytest.raises(UploadStopped) as caught:
        uploads.received(request)
    assert caught.value.status == 413
    assert "50 MB" in str(caught.value)
    # Read to the end of our patience, not to the end of the body.
    assert body.served < 1_200_000
    assert leftovers() == []


def test_a_little_too_large_is_read_to_its_end_so_that_the_client_hears_why() -> None:
    with pytest.raises(UploadStopped) as caught:
        uploads.received(parse(multipart(b"x" * 400_000)))
    assert caught.value.status == 413
    assert leftovers() == []


def test_many_small_files_meet_the_cap_together() -> None:
    parts = b"".join(multipart(b"x" * 90_000).removesuffix(f"--{BOUNDARY}--\r\n".encode()) for _ in range(5))
    request = parse(parts + f"--{BOUNDARY}--\r\n".encode())
    with pytest.raises(UploadStopped):
        uploads.received(request)
    # Django closes a request's files with its response, and closing deletes.
    request.close()
    assert leftovers() == []


def test_other_fields_are_counted_and_not_kept() -> None:
    request = parse(multipart(b"x" * 1000, field="avatar"))
    assert leftovers() == []
    with pytest.raises(UploadStopped, match="No file arrived"):
        uploads.received(request)


def test_an_upload_that_breaks_off_leaves_nothing() -> None:
    class Broken(Drip):
        def read(self, size: int = -1) -> bytes:
            if self.served > 100_000:
                raise OSError("connection reset")
            return super().read(size)

    with pytest.raises((OSError, MultiPartParserError)):
        parse(Broken(10_000_000), 10_000_000)
    assert leftovers() == []


@pytest.fixture
def full_disk() -> Iterator[None]:
    """The folder of arriving uploads on a disk of its own that has not a byte left."""
    folder = storage.incoming()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("Nobody but root can mount a small disk to fill it.")
    try:
        # One write takes what room there is, and returns how much that was.
        with (folder / "filler").open("wb", buffering=0) as filler:
            assert filler.write(b"x" * 1_000_000) < 1_000_000
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


# Below Python's buffer, above it, and above the chunk in which Django hands a body over.
@pytest.mark.parametrize("size", [5, 20_000, 200_000])
@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_a_full_disk_is_one_clear_sentence(full_disk: None, size: int) -> None:
    """Filled disks: a small upload was kept in a buffer, and noticed the full disk where nobody expected it."""
    body = multipart(b"x" * size)
    api = program(BOB).post("/api/v1/files", body, content_type=TYPE)
    assert api.status_code == 507
    assert "no room left" in api.json()["detail"]
    page = browser(BOB).post("/files/upload/", body, content_type=TYPE)
    assert page.status_code == 507
    assert "no room left" in page.content.decode()
    assert [path.name for path in leftovers()] == ["filler"]


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_two_files_in_one_request_of_a_program_are_refused_together() -> None:
    """The answer has room for one file, so the second would have been dropped without a word."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="b.txt"\r\n\r\nsecond\r\n'
    response = program(BOB).post("/api/v1/files", part.encode() + multipart(b"first"), content_type=TYPE)
    assert response.status_code == 422
    assert "one file" in response.json()["detail"]
    with acting(BOB):
        assert not File.objects.exists()


def test_what_killed_processes_left_is_swept() -> None:
    old = storage.incoming() / "abandoned.part"
    old.write_bytes(b"half")
    os.utime(old, (0, 0))
    fresh = storage.incoming() / "fresh.part"
    fresh.write_bytes(b"half")
    assert storage.sweep_incoming() == 1
    assert leftovers() == [fresh]
    fresh.unlink()


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_a_body_without_a_length_is_asked_for_one() -> None:
    """L52: a chunked body is not read at all, and its sender hears what to send."""
    client = program(BOB)
    response = client.generic("POST", "/api/v1/files", b"", CONTENT_TYPE=TYPE, HTTP_TRANSFER_ENCODING="chunked")
    assert response.status_code == 411
    assert "Content-Length" in response.json()["detail"]


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_pages_and_api_answer_413_with_the_sentence() -> None:
    """L52: through the whole stack of middleware, which reads the body before any view."""
    body = multipart(b"x" * 400_000)
    api = program(BOB).post("/api/v1/files", body, content_type=TYPE)
    assert api.status_code == 413
    assert "larger than 50 MB" in api.json()["detail"]
    page = browser(BOB).post("/files/upload/", body, content_type=TYPE)
    assert page.status_code == 413
    assert "larger than 50 MB" in page.content.decode()
    with acting(BOB):
        assert not File.objects.exists()


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_a_json_body_that_names_a_path_is_415() -> None:
    """L27: an upload is multipart or nothing."""
    evil = '{"file": {"filepath": "/etc/passwd", "originalFilename": "x.txt"}}'
    response = program(BOB).post("/api/v1/files", evil, content_type="application/json")
    assert response.status_code == 415
    assert "root:" not in response.content.decode()
    page = browser(BOB).post("/files/upload/", evil, content_type="application/json")
    assert page.status_code in {415, 422}
    with acting(BOB):
        assert not File.objects.exists()

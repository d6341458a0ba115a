"""Do a file's bytes leave only as a download, whole or in the range asked for?"""

from typing import Any

import pytest

from files import signals, storage
from files.models import File
from tests.cast import BOB, acting
from tests.doors import browser, program
from tests.files import shelf
from tests.files.test_services import heard

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

CONTENT = b"0123456789"


def stored(name: str = "digits.txt", content: bytes = CONTENT) -> File:
    return shelf.put(BOB, content, name)


def fetch(file: File, **headers: str) -> Any:
    return browser(BOB).get(f"/files/{file.pk}/content/", headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_the_whole_file_is_an_attachment_that_nothing_runs() -> None:
    with heard(signals.file_downloaded) as facts:
        response = fetch(stored())
    assert body(response) == CONTENT
    assert response["Content-Length"] == "10"
    assert response["Content-Disposition"] == 'attachment; filename="digits.txt"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox")
    assert "no-store" in response["Cache-Control"]
    assert [fact["partial"] for fact in facts] == [False]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<!doctype html><html><body><script>alert(document.cookie)</script>Hello</body></html>"),
        ("drawing.md", b"# Drawing\n\n<svg onload=alert(1)></svg>"),
        ("data.json", b'{"a": "<script>alert(1)</script>"}'),
    ],
)
def test_what_could_run_in_a_browser_is_never_inline(name: str, content: bytes) -> None:
    """Files must: SVG and HTML are attachments in a sandbox, for pages and for the API alike."""
    file = stored(name, content)
    for response in (fetch(file), program(BOB).get(f"/api/v1/files/{file.pk}/content")):
        assert body(response) == content
        assert response["Content-Disposition"].startswith("attachment")
        assert response["Content-Security-Policy"].startswith("sandbox")
        assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "status", "given", "stated"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-300", 206, CONTENT, "bytes 0-9/10"),
        ("bytes=8-300", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=5-2", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=0-1,4-5", 200, CONTENT, None),
        ("lines=0-1", 200, CONTENT, None),
        ("bytes=-", 200, CONTENT, None),
        ("bytes=٣-", 200, CONTENT, None),
        ("bytes=" + "9" * 30 + "-", 200, CONTENT, None),
    ],
)
def test_one_range_is_understood(asked: str, status: int, given: bytes, stated: str | None) -> None:
    """L5: a range passes the same gate as the whole."""
    response = fetch(stored(), range=asked.encode().decode("latin-1"))
    assert response.status_code == status
    assert body(response) == given
    assert response.get("Content-Range") == stated
    assert response["Content-Length"] == str(len(given)) if status != 416 else True


def test_a_range_of_another_version_is_answered_with_the_whole() -> None:
    file = stored()
    response = fetch(file, range="bytes=0-1", **{"if-range": '"another"'})
    assert (response.status_code, body(response)) == (200, CONTENT)
    again = fetch(file, range="bytes=0-1", **{"if-range": response["ETag"]})
    assert (again.status_code, body(again)) == (206, b"01")


@pytest.mark.parametrize(
    "name",
    ["Prüfung “2026”.txt", 'a";filename="evil.exe.txt', "a\r\nSet-Cookie: x=y.txt", "عقد.txt", "x" * 300 + ".txt"],
)
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    """L28, CRLF: a name is data in the header, whatever it holds."""
    response = fetch(stored(name))
    assert (response.status_code, body(response)) == (200, CONTENT)
    assert "Set-Cookie" not in response.headers
    assert "\n" not in response["Content-Disposition"]
    assert response["Content-Disposition"].startswith("attachment; filename")
    assert "\\u202e" not in response["Content-Disposition"]


def test_missing_bytes_are_a_404_that_says_so() -> None:
    file = stored()
    with acting(BOB):
        storage.delete(file.storage_key)
    told = fetch(file)
    assert told.status_code == 404
    assert "The bytes of this file are gone from where they were stored. Upload it again." in told.content.decode()


def test_head_gives_headers_only() -> None:
    file = stored()
    response = browser(BOB).head(f"/files/{file.pk}/content/", headers={"range": "bytes=0-3"})
    response.close()
    # Only a GET has ranges.
    assert (response.status_code, response["Content-Length"]) == (200, "10")

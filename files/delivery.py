"""How do a file's bytes leave, so that a browser only ever saves them?

An attachment under its display name, never sniffed, in a sandbox if something opens it all the same; whole, or one
range of bytes, for clients that resume. The caller has already asked whether the person may read the file.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts.http import Tenant
from accounts.middleware.headers import SANDBOX
from accounts.waiting import leaving
from files import services, storage
from files.models import File

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes, both ends included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.last - self.first + 1


class Window:
    """A range of an open file, readable to its end; closing it closes the file, also when nothing was read."""

    def __init__(self, stream: BinaryIO, span: Span) -> None:
        stream.seek(span.first)
        self._stream = stream
        self._left = span.length

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes of what is left of the range."""
        chunk = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class RangeRefused(Exception):
    """The range asked for lies outside the file."""


def give_out(request: HttpRequest, file: File, *, actor: Tenant) -> HttpResponseBase:
    """The answer with a file's bytes, recorded before the first one leaves.

    Raises `storage.BytesMissing` and `storage.StorageUnavailable`; `accounts.waiting.NoPlace` when the member is downloading as much as one may.
    """
    try:
        span = wanted(request, file)
    except RangeRefused:
        return out_of_range(file)
    response = leaving(attachment(file, span), actor)
    services.note_download(actor=actor, file=file, partial_content=span is not None)
    return response


def wanted(request: HttpRequest, file: File) -> Span | None:
    """The one range that the request asks for, or None for the whole file; raises `RangeRefused`.

    Several ranges at once, other units and ranges of another version (If-Range) are answered with the whole file,
    as RFC 9110 allows.
    """
    # Only a GET has ranges (RFC 9110, 14.2): a HEAD is told of the whole.
    header = request.headers.get("Range", "") if request.method == "GET" else ""
    match = RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if request.headers.get("If-Range", etag(file)) != etag(file):
        return None
    if not match[1]:
        first, last = max(file.size - int(match[2]), 0), file.size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or file.size - 1), file.size - 1)
    if first > last or first >= file.size or (not match[1] and not int(match[2])):
        raise RangeRefused
    return Span(first, last)


def attachment(file: File, span: Span | None) -> HttpResponseBase:
    """The response with a file's bytes; raises `storage.BytesMissing`."""
    stream = storage.open_bytes(file.storage_key)
    part = stream if span is None else Window(stream, span)
    response = FileResponse(
        part, as_attachment=True, filename=file.name, content_type=file.media_type, status=206 if span else 200
    )
    response.headers["Content-Length"] = str(span.length if span else file.size)
    if span:
        response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{file.size}"
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = etag(file)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, no-store"
    return response


def out_of_range(file: File) -> HttpResponse:
    """The answer to a range outside the file: which bytes there are."""
    response = HttpResponse(status=416, content_type="text/plain; charset=utf-8")
    response.headers["Content-Range"] = f"bytes */{file.size}"
    return response


def etag(file: File) -> str:
    """The file's version: its bytes never change."""
    return f'"{file.sha256}"'

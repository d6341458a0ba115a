"""Under which names do styles, scripts and icons reach a browser, and how long may it keep them?

A page names each with a mark of its content, so that a browser keeps it for ever and asks for nothing a second time; another
version has another name. No step collects files for that: the mark is computed when it is first needed, and so is the compressed
form. Static files are the same for everybody, so that its length tells nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]  # ships no types

MARKED: Final = re.compile(r"(?P<stem>.+)\.(?P<mark>[0-9a-f]{8})(?P<kind>\.[a-z0-9]+)")
FOR_EVER: Final = f"max-age={365 * 86_400}, public, immutable"


class MarkedNames(StaticFilesStorage):
    """What `{% static %}` writes."""

    def url(self, name: str | None) -> str:
        """The address of a static file, with the mark of its content; without one while developing, when it changes all the time."""
        address: str = super().url(name)
        mark = "" if settings.DEBUG or not name else mark_of(name)
        stem, dot, kind = address.rpartition(".")
        return f"{stem}.{mark}.{kind}" if mark and dot else address


class AssetsMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # ships no types
    """Answers for static files under their own names, as WhiteNoise does, and under marked ones."""

    def __call__(self, request: HttpRequest) -> Any:
        """Answer with the file, or pass the request on. With another mark than its own it may be kept for a minute only: while
        hosts are brought to another version one after the other, a page of the one asks the other for its files.
        """
        marked = MARKED.fullmatch(request.path_info)
        file = self.files.get(marked["stem"] + marked["kind"]) if marked else None
        if marked is None or file is None:
            return super().__call__(request)
        name = (marked["stem"] + marked["kind"]).removeprefix(self.static_prefix)
        if marked["mark"] != mark_of(name):
            return self.serve(file, request)
        wants_all = request.method == "GET" and "Range" not in request.headers
        if wants_all and "gzip" in request.headers.get("Accept-Encoding", ""):
            kind = f"{self.media_types.get_type(name)}; charset=utf-8"  # all that we serve is text
            answer = HttpResponse(packed(name), content_type=kind, headers={"Content-Encoding": "gzip"})
        else:
            answer = self.serve(file, request)
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Cache-Control"] = FOR_EVER
        return answer


@cache
def mark_of(name: str) -> str:
    """Eight digits that tell this content of a static file from any other; nothing for a file that is not there."""
    path = finders.find(name)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8] if isinstance(path, str) else ""


@cache
def packed(name: str) -> bytes:
    """The compressed content of a static file that is there."""
    return gzip.compress(Path(str(finders.find(name))).read_bytes(), mtime=0)

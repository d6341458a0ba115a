"""How does an upload arrive without ever taking more room than one file may?

Django reads a multipart body before the view runs (the CSRF check asks for a field), so the cap has to stand here, in
the upload handler, and it counts bytes that arrived: what Content-Length promised is the client's word (L52).
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from accounts.http import tenant_of
from accounts.routes import route_of
from files import storage
from files.refusals import LARGEST_MEGABYTES, SENTENCES, Reason

LARGEST_BYTES = LARGEST_MEGABYTES * 1024 * 1024
# What is too large is still read to its end, up to here, and thrown away: a client that is cut off while sending sees a
# broken connection instead of our sentence. Beyond this it is cut off.
PATIENCE_BYTES = 4 * LARGEST_BYTES
FIELD = "file"
View = TypeVar("View", bound=Callable[..., Any])


class UploadStopped(Exception):
    """An upload that was not taken: `status` for HTTP, and the sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


def takes_up_to(most: Callable[[], int], sentence: str) -> Callable[[View], View]:
    """Mark a view whose one upload may be larger than a document, of so many bytes; the sentence is for what is larger.

    It counts for those whom the view lets in: whoever is refused there sends no more than a document.
    """

    def mark(view: View) -> View:
        view.largest_upload = (most, sentence)  # type: ignore[attr-defined]  # functions take attributes, which their type does not say
        return view

    return mark


def _largest(request: HttpRequest | None) -> tuple[int, str]:
    """How many bytes this request may bring, and what to say about more."""
    usual = (LARGEST_BYTES, SENTENCES[Reason.TOO_LARGE])
    if request is None:
        return usual
    view, tenant = route_of(request).view, tenant_of(request)
    marked, least = getattr(view, "largest_upload", None), getattr(view, "least_role", None)
    if marked is None or tenant is None or least is None or tenant.role.rank < least.rank:
        return usual
    most, sentence = marked
    return most(), sentence


class ReceivedFile(UploadedFile):  # type: ignore[type-arg]  # generic in the stubs only
    """A complete upload in a private temporary file, with the SHA-256 that was counted while it arrived."""

    def __init__(self, raw_name: str) -> None:
        # Not Django's own temporary file: that one puts the extension of the client's name into the path (L28).
        super().__init__(storage.new_temporary(), raw_name, size=0)
        self.sha256 = ""

    def temporary_file_path(self) -> str:
        """Where the bytes are; Django's storage moves them from there instead of copying."""
        return str(self.file.name)  # type: ignore[union-attr]  # always there: the constructor opened it

    def close(self) -> None:
        """Close, and so delete, the temporary file; one that the storage has moved away is already gone."""
        try:
            super().close()
        except OSError:
            # Gone already, or: closing writes what is still buffered, to a disk that has no room for it. The descriptor is closed and the file
            # deleted all the same, and whoever waits was told already.
            return


class CappedUploadHandler(FileUploadHandler):
    """Writes the one file field `file` to disk while counting and hashing; stops at the cap. The only handler we use."""

    # Django's parser closes the attribute of this name when a body breaks off in the middle, so that nothing stays.
    file: ReceivedFile

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._arrived = 0
        self._most = _largest(request)
        self._digest = hashlib.sha256()

    def new_file(self, field_name: str, *arguments: object, **options: object) -> None:
        """Begin one file part; parts under another field name are read past and not kept."""
        super().new_file(field_name, *arguments, **options)  # type: ignore[arg-type]  # passed through unchanged
        self._discard()
        if field_name != FIELD:
            # Not Django's SkipFile: what is skipped is still read, so it has to be counted too. Its name is kept: a part
            # that is called `workspace` is refused as any field of that name is (accounts.middleware.reserved).
            if self.request is not None:
                skipped = getattr(self.request, "skipped_parts", ())
                self.request.skipped_parts = (*skipped, field_name)  # type: ignore[attr-defined]  # read there
            return
        self._digest = hashlib.sha256()
        try:
            self.file = ReceivedFile(str(self.file_name))
        except OSError as error:
            self._stop(_unwritable(error))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Count, hash and write one chunk. The count is over all files of the request, so that many small ones end too."""
        self._arrived += len(raw_data)
        largest, sentence = self._most
        if self._arrived > largest - LARGEST_BYTES + PATIENCE_BYTES:
            raise StopUpload(connection_reset=True)
        if self._arrived > largest:
            self._stop(UploadStopped(413, sentence))
        if not hasattr(self, "file"):
            return
        self._digest.update(raw_data)
        try:
            self.file.write(raw_data)
        except OSError as error:
            self._stop(_unwritable(error))

    def file_complete(self, file_size: int) -> ReceivedFile | None:
        """The finished upload, rewound; None when it was stopped."""
        if not hasattr(self, "file"):
            return None
        try:
            # A small file is still in Python's buffer, so a full disk is noticed only here.
            self.file.flush()
            self.file.seek(0)
        except OSError as error:
            self._stop(_unwritable(error))
            return None
        received = self.file
        del self.file
        received.sha256 = self._digest.hexdigest()
        received.size = file_size
        received.content_type = self.content_type
        return received

    def upload_interrupted(self) -> None:
        """The client went away in the middle: nothing of it stays."""
        self._discard()

    def _stop(self, reason: UploadStopped) -> None:
        self._discard()
        if self.request is not None and not hasattr(self.request, "upload_stopped"):
            self.request.upload_stopped = reason  # type: ignore[attr-defined]  # read by `received`, below

    def _discard(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
            del self.file


def from_bytes(name: str, content: bytes) -> ReceivedFile:
    """The same, made from bytes at hand, for the demo and for tests."""
    made = ReceivedFile(name)
    made.write(content)
    made.size, made.sha256 = len(content), hashlib.sha256(content).hexdigest()
    made.seek(0)
    return made


def received(request: HttpRequest) -> list[ReceivedFile]:
    """The files of a multipart request, complete and counted; raises `UploadStopped` if any was stopped or none is there."""
    files = cast("Iterable[ReceivedFile]", request.FILES.getlist(FIELD))
    stopped = getattr(request, "upload_stopped", None)
    if isinstance(stopped, UploadStopped):
        raise stopped
    found = list(files)
    if not found and request.headers.get("Transfer-Encoding") and not request.META.get("CONTENT_LENGTH"):
        # WSGI gives no end to a body of unknown length, so Django reads none of it: closed, not open (L52).
        raise UploadStopped(411, "This upload does not say how long it is. Send it with a Content-Length.")
    if not found:
        raise UploadStopped(422, "No file arrived. Choose a file and upload it again.")
    return found


def received_one(request: HttpRequest) -> ReceivedFile:
    """The one file of a multipart request; raises `UploadStopped` as `received` does, and for a second file."""
    found = received(request)
    if len(found) > 1:
        raise UploadStopped(422, "Send one file in each request. This one carried several, and none was stored.")
    return found[0]


def _unwritable(error: OSError) -> UploadStopped:
    return UploadStopped(507 if storage.full_disk(error) else 503, storage.sentence(error))

"""Where does an entry rest between the request that caused it and the database that keeps it?

In a segment: a file of JSON lines that one process appends to, one ``write`` a line. An appended line outlives the
request's transaction, the death of the process (kill -9: the page cache belongs to the kernel) and an outage of
PostgreSQL, and costs about as much as a function call. A background thread flushes to the disk every 200 ms, a
critical line is flushed before ``append`` returns; so only a power cut can take up to 200 ms of ordinary lines.

A live segment carries an exclusive ``flock``. The kernel releases it when the writer dies, however it dies, so a
reader can tell a living writer's segment from a finished one without trusting process ids, which are used again.
"""

import atexit
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import threading
import time
import uuid
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.disk import flush_folder

LINE_LIMIT = 8192
"""Longest line in bytes, its newline included. The builder of entries cuts to this; the spool refuses more."""

SEGMENT_BYTES = 4 * 1024 * 1024
SEGMENT_SECONDS = 60.0
QUOTA_BYTES = 1024 * 1024 * 1024
"""How much of the disk entries may take while nobody ships them; the last tenth is for critical ones."""
FLUSH_SECONDS = 0.2
QUOTA_SECONDS = 1.0
SUFFIX = ".jsonl"
NOTE = "shipper.json"
STUCK = "disk"
"""What the shipper's note says of a file that it cannot read or put away; of the database it says the error's name."""


class SpoolError(Exception):
    """The line did not reach the spool whole; the caller must take another way."""


class Spool:
    """The writing end: one instance per process and folder, safe to share between threads and across forks."""

    _lock: threading.Lock
    _wake: threading.Event
    _fd: int
    _path: Path
    _size: int
    _torn: bool
    _dirty: bool
    _expires: float
    _measured: float
    _waiting: int
    _flusher: threading.Thread | None

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        quota_bytes: int = QUOTA_BYTES,
    ) -> None:
        """``folder`` is made (0700) at the first line. Sizes are bytes, times seconds."""
        self.folder = folder
        self._quota_bytes = quota_bytes
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._forget()
        _spools.add(self)

    def append(self, line: bytes, *, critical: bool = False) -> None:
        """Write one line, which must end in its only newline; when it returns, the line survives this process.

        With ``critical`` it is on the disk as well. Raises ``SpoolError`` when the line could not be written whole
        (disk full, folder gone or read-only, line too long); a torn remainder is ended before the next line, and a
        reader counts it as unreadable.
        """
        if not line or len(line) > LINE_LIMIT or line.find(b"\n") != len(line) - 1:
            raise SpoolError(f"a spool line must be one line of at most {LINE_LIMIT} bytes, got {len(line)}")
        try:
            with self._lock:
                self._write(line, critical=critical)
                copy = os.dup(self._fd) if critical else -1
                if not critical and not self._dirty:
                    self._dirty = True
                    self._wake.set()
            if copy >= 0:
                _flush(copy)
        except OSError as error:
            raise SpoolError(f"cannot write to the audit spool in {self.folder}: {error.strerror}") from error

    def close(self) -> None:
        """Flush and finish the live segment; a later ``append`` opens a new one. Raises nothing."""
        with self._lock:
            self._finish()

    def _write(self, line: bytes, *, critical: bool) -> None:
        """Append under the lock; a full disk first takes a part of the line, and only then says ENOSPC."""
        self._admit(critical=critical)
        if self._fd < 0 or self._size >= self._segment_bytes or time.monotonic() >= self._expires:
            self._finish()
            self._open()
        payload = b"\n" + line if self._torn else line
        written = os.write(self._fd, payload)
        self._size += written
        if written != len(payload):
            self._torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False

    def _admit(self, *, critical: bool) -> None:
        """Raise ``OSError`` when what waits in the folder leaves no room: a flood must not fill the host's disk."""
        if time.monotonic() >= self._measured + QUOTA_SECONDS:
            self._measured = time.monotonic()
            self._waiting = sum(size_of(path) for path in segments(self.folder))
        if self._waiting >= self._quota_bytes * (1.0 if critical else 0.9):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    def _open(self) -> None:
        """Begin a segment, locked before anybody can take it for a finished one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self.folder / f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}{SUFFIX}"
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            if _lock(fd) and os.fstat(fd).st_nlink:
                break
            # A shipper looked between the two calls and took the empty file for a finished segment: begin again.
            os.close(fd)
        self._fd, self._path, self._size, self._torn, self._dirty = fd, path, 0, False, False
        self._expires = time.monotonic() + self._segment_seconds
        flush_folder(self.folder)
        if self._flusher is None or not self._flusher.is_alive():
            self._flusher = threading.Thread(target=self._flush_forever, name="audit-spool", daemon=True)
            self._flusher.start()
        self._wake.set()

    def _finish(self) -> None:
        if self._fd < 0:
            return
        # A disk that cannot flush has kept what it could; closing is still right, and the reader finds the rest.
        with contextlib.suppress(OSError):
            if self._size:
                os.fdatasync(self._fd)
            else:
                self._path.unlink()
        os.close(self._fd)
        self._fd = -1

    def _flush_forever(self) -> None:
        """Put dirty segments on the disk every 200 ms and finish old ones, so that a reader can delete them."""
        lock, wake = self._lock, self._wake
        while lock is self._lock:
            with lock:
                patience = None if self._fd < 0 else max(0.0, self._expires - time.monotonic())
            wake.wait(patience)
            wake.clear()
            time.sleep(FLUSH_SECONDS)
            with lock:
                if self._fd >= 0 and time.monotonic() >= self._expires:
                    self._finish()
                copy = os.dup(self._fd) if self._fd >= 0 and self._dirty else -1
                self._dirty = False
            if copy >= 0:
                # A disk that cannot flush has kept what it could; the next write or flush tells its caller.
                with contextlib.suppress(OSError):
                    _flush(copy)

    def _forget(self) -> None:
        """Begin without a segment: at birth, and in a child process, whose parent goes on owning the old one."""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._fd, self._path, self._size = -1, self.folder, 0
        self._torn = self._dirty = False
        self._expires = 0.0
        self._measured, self._waiting = float("-inf"), 0
        self._flusher = None

    def _after_fork(self) -> None:
        inherited = self._fd
        self._forget()
        if inherited >= 0:
            os.close(inherited)


_spools: "weakref.WeakSet[Spool]" = weakref.WeakSet()


def _forget_after_fork() -> None:
    for spool in list(_spools):
        spool._after_fork()


@atexit.register
def _close_at_exit() -> None:
    for spool in list(_spools):
        spool.close()


os.register_at_fork(after_in_child=_forget_after_fork)


@dataclass(slots=True)
class Segment:
    """The reading end of one file: where it lies and how far it has been read (bytes)."""

    path: Path
    offset: int = 0

    def lines(self, limit: int, *, finished: bool) -> tuple[list[bytes], int]:
        """Up to ``limit`` bytes of whole lines from the offset on, and the offset behind them; moves nothing.

        A tail without its newline belongs to a line still being written, unless the segment is ``finished``: then it
        is torn, comes back as a line, and does not parse. Raises ``OSError``.
        """
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            chunk = os.pread(fd, limit, self.offset)
        finally:
            os.close(fd)
        end = chunk.rfind(b"\n") + 1
        if finished and len(chunk) < limit:
            end = len(chunk)
        elif not end and len(chunk) == limit:
            end = limit  # Longer than any line of ours: hand it over in pieces, none of which parses.
        return [line for line in chunk[:end].split(b"\n") if line], self.offset + end


def segments(folder: Path) -> list[Path]:
    """The segments in ``folder``, oldest first; none when the folder does not exist yet."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except FileNotFoundError:
        return []


def size_of(path: Path) -> int:
    """In bytes; 0 for a segment that the shipper has just deleted."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def owned(path: Path) -> Iterator[bool]:
    """Hold ``path`` for the reader inside the block; gives False when a living process still writes to it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield _lock(fd)
    finally:
        os.close(fd)


def delete(path: Path) -> None:
    """Remove a finished and shipped segment, on the disk too. Raises ``OSError``."""
    path.unlink(missing_ok=True)
    flush_folder(path.parent)


@contextlib.contextmanager
def sole_reader(folder: Path) -> Iterator[bool]:
    """Be the only shipper of ``folder`` inside the block; gives False when another process is that already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / "shipper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield _lock(fd)
    finally:
        os.close(fd)


def set_aside(folder: Path, line: bytes) -> str:
    """Keep a line that the database will not have in ``rejected/``, and return the file's name. Raises ``OSError``."""
    (folder / "rejected").mkdir(mode=0o700, exist_ok=True)
    name = f"{hashlib.sha256(line).hexdigest()[:32]}.json"
    _replace(folder / "rejected" / name, line)
    return name


def write_note(folder: Path, note: dict[str, object]) -> None:
    """Leave the shipper's note about itself for the other processes, whole or not at all. Raises ``OSError``."""
    _replace(folder / NOTE, json.dumps(note).encode())


def read_note(folder: Path) -> dict[str, object]:
    """The shipper's last note. Raises ``FileNotFoundError`` without one, ``OSError`` and ``ValueError`` otherwise."""
    note = json.loads((folder / NOTE).read_bytes())
    if not isinstance(note, dict):
        raise ValueError("the shipper's note is not an object")  # noqa: TRY004 - its content is wrong, not our call
    return note


def publish(path: Path, content: bytes) -> None:
    """Leave a small file for the other processes of this host, whole or not at all. Raises ``OSError``."""
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        pass  # It is the first.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, content)


def published(path: Path) -> bytes:
    """What was left there. Raises ``OSError``."""
    return path.read_bytes()


def _replace(path: Path, content: bytes) -> None:
    """Write a small file under another name first, so that no reader ever sees half of it."""
    new = path.with_name(f"{path.name}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    new.replace(path)


def _lock(fd: int) -> bool:
    """Take the segment's exclusive lock without waiting; the kernel frees it when its holder dies."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _flush(copy: int) -> None:
    """Flush a duplicate of a segment's descriptor and close it: outside the lock, since a slow disk may take long."""
    try:
        os.fdatasync(copy)
    finally:
        os.close(copy)

"""What text does a document hold, page by page?

Parsing runs in a child process (`child.py`) under limits, because parsers of hostile files crash, loop and swell.
This side starts it, reads its pages and turns every way it can end into a sentence for the file's owner.
"""

import json
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, BinaryIO

from files.extraction.pages import Page
from files.refusals import MOST_CHARACTERS, MOST_PAGES, DocumentRefused, Reason
from files.types import DocumentType

logger = logging.getLogger(__name__)

WALL_SECONDS = 180.0
# JSON writes a character outside ASCII in up to twelve bytes, and each page has a label.
MOST_OUTPUT_BYTES = 12 * MOST_CHARACTERS + 1_000 * MOST_PAGES
LONGEST_LINE = 12 * MOST_CHARACTERS + 1_000
PROJECT = Path(__file__).resolve().parents[2]
# `-I` ignores the environment, the user's own packages and the current folder, so we name the one folder needed.
BOOT = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('files.extraction.child', run_name='__main__')"


# What a restart, a closed terminal or an operator sends. None of them says anything about the document.
ASKED_TO_END = {-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}


class ReadingInterrupted(Exception):
    """Somebody ended the reader, and the document is as good as before: read it again, from its first page."""


def extract(stream: BinaryIO, kind: DocumentType, wall_seconds: float = WALL_SECONDS) -> list[Page]:
    """The pages of a document of at most some 50 MB, read in a limited child process.

    `stream` must be a real file (the child inherits its descriptor and sees nothing else of ours). Raises
    `DocumentRefused` with the owner's sentence when the content is not what `kind` says, is locked, damaged or a
    trap, or takes more than `wall_seconds`; `ReadingInterrupted` when the reader was told to end.
    """
    stream.seek(0)
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", BOOT, str(PROJECT), kind.label, kind.media_type, kind.reader],
        stdin=stream,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Nothing of ours is inherited: settings and keys live in the environment.
        env={"LANG": "C.UTF-8", "PYTHONUTF8": "1"},
        close_fds=True,
        cwd="/",
        start_new_session=True,  # a restart signals the worker's whole group; PDEATHSIG ends the reader with the worker
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(wall_seconds, stop)
    timer.daemon = True
    timer.start()
    complaints: list[bytes] = []
    # A child that fills its error pipe while we read the other would wait for ever, so both are read.
    listener = threading.Thread(target=_listen, args=(process.stderr, complaints), daemon=True)
    listener.start()
    try:
        found = _read_pages(process.stdout, kind)
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        listener.join(timeout=5)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    if found is None:
        raise _death(kind, code, late.is_set(), b"".join(complaints))
    return found


def _read_pages(output: IO[bytes] | None, kind: DocumentType) -> list[Page] | None:
    """What the child said, or None when it fell silent without a last line. Its word is checked like any input."""
    found: list[Page] = []
    size = 0
    while output is not None and (line := output.readline(LONGEST_LINE)):
        size += len(line)
        if size > MOST_OUTPUT_BYTES:
            raise DocumentRefused(Reason.TOO_MUCH_TEXT, kind.label)
        try:
            said = json.loads(line)
            if "refused" in said:
                raise DocumentRefused(Reason(said["refused"]), kind.label, str(said["found"])[:80])
            if "done" in said:
                return found
            found.append(Page(int(said["number"]), str(said["label"])[:200], str(said["text"])))
        except (ValueError, KeyError, TypeError):
            logger.warning("The reader of a %s wrote a line that is not a page.", kind.label)
            return None
    return None


def _listen(pipe: IO[bytes] | None, complaints: list[bytes]) -> None:
    kept = 0
    while pipe is not None and (chunk := pipe.read(4096)):
        # The first 16 KB say what happened; the rest is read so that the child never blocks.
        if kept < 16_384:
            complaints.append(chunk)
            kept += len(chunk)


def _death(kind: DocumentType, code: int, late: bool, complaints: bytes) -> DocumentRefused | ReadingInterrupted:
    """What to make of a child that ended without a last line."""
    if code in ASKED_TO_END:
        return ReadingInterrupted(f"The reader of a {kind.label} was ended by signal {-code}.")
    if late or code == -signal.SIGXCPU:
        return DocumentRefused(Reason.SLOW, kind.label)
    if b"MemoryError" in complaints or b"bad_alloc" in complaints or b"cannot allocate" in complaints.lower():
        return DocumentRefused(Reason.MEMORY, kind.label)
    # The traceback may quote the document, which is a customer's content: only its last line's type is logged.
    last = complaints.decode("utf-8", "replace").strip().rpartition("\n")[2].partition(":")[0][:100]
    logger.warning("The reader of a %s ended with code %s (%s).", kind.label, code, last)
    return DocumentRefused(Reason.CRASHED, kind.label)

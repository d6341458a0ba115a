"""Does a virus scanner know something bad in a document? ClamAV is asked over its socket, where one is configured.

The bytes go to clamd as a stream (INSTREAM), so it needs no right to our folders. A scanner that is away, busy or refuses to
judge is no yes: the file waits, and is asked about again.
"""

from __future__ import annotations

import re
import socket
from typing import BinaryIO, Final

from django.conf import settings

from files.refusals import DocumentRefused, Reason

CONNECT_SECONDS, ANSWER_SECONDS = 5, 60
PIECE: Final = 256 * 1024
LONGEST_ANSWER: Final = 4096
FOUND: Final = re.compile(r"stream: (?P<name>[\x20-\x7e]{1,200}) FOUND")
CLEAN: Final = "stream: OK"


class ScannerUnavailable(Exception):
    """The scanner gave no judgement. The file stays unread until it does."""


class ScannerAway(ScannerUnavailable):
    """It takes no connection, whatever the file is: waiting helps."""


def check(stream: BinaryIO) -> None:
    """Raise `DocumentRefused` for what the scanner finds, `ScannerUnavailable` where it does not say; nothing without a scanner.

    `ScannerAway` where it is not there at all.
    """
    where: tuple[str, str, int] | None = settings.CLAMAV
    if where is None:
        return
    stream.seek(0)
    try:
        line = _connected(*where)
    except OSError as error:
        raise ScannerAway("The virus scanner cannot be reached.") from error
    try:
        answer = _asked(line, stream)
    except OSError as error:
        raise ScannerUnavailable("The virus scanner broke off.") from error
    finally:
        stream.seek(0)
    found = FOUND.fullmatch(answer)
    if found is not None:
        raise DocumentRefused(Reason.INFECTED, found=found["name"][:80])
    if answer != CLEAN:
        raise ScannerUnavailable("The virus scanner gave no judgement.")


def _asked(line: socket.socket, stream: BinaryIO) -> str:
    with line:
        line.settimeout(ANSWER_SECONDS)
        line.sendall(b"zINSTREAM\0")
        while piece := stream.read(PIECE):
            line.sendall(len(piece).to_bytes(4, "big") + piece)
        line.sendall(bytes(4))
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < LONGEST_ANSWER and (part := line.recv(1024)):
            answer += part
    return answer.rstrip(b"\0").decode("ascii", "replace")


def _connected(kind: str, place: str, port: int) -> socket.socket:
    if kind == "tcp":
        return socket.create_connection((place, port), timeout=CONNECT_SECONDS)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(CONNECT_SECONDS)
    try:
        line.connect(place)
    except OSError:
        line.close()
        raise
    return line

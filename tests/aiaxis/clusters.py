"""How do the tests of the embedded server ask it, and use it from another process?"""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from aiaxis.postgres import EmbeddedServer

REPOSITORY = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="asks what happens when the platform runs as root")

# A process that uses the server, says which postmaster it got, and stops when its standard input ends.
USER_OF_THE_SERVER = """
import sys
from pathlib import Path
from aiaxis.postgres import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print((server.places.data / "postmaster.pid").read_text().split()[0], flush=True)
sys.stdin.read()
server.stop()
"""


def postmaster(server: EmbeddedServer) -> int:
    return int((server.places.data / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    """A process that nobody has reaped yet keeps its pid, but has no command line any more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def ask(
    server: EmbeddedServer, query: str, role: str = "aiaxis_owner", database: str = "aiaxis"
) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url(role, database), autocommit=True, connect_timeout=5) as connection:
        return connection.execute(query).fetchall()


def use_in_another_process(server: EmbeddedServer) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", USER_OF_THE_SERVER, str(server.places.home)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip


def read_pid(process: "subprocess.Popen[str]") -> int:
    assert process.stdout
    return int(process.stdout.readline())

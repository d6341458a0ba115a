"""What can a parser that was taken over still do? Each test runs hostile code where the parser would run."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from files.extraction import PROJECT
from files.extraction.confinement import NOBODY
from tests.waiting import PATIENCE

# `before` runs with all rights, `act` behind the closed doors.
PROGRAM = """
import sys; sys.path.insert(0, sys.argv[1])
import os, socket, resource, signal, encodings.idna
from files.extraction import confinement as c
{before}
c.limit_resources(); c.close_doors()
try:
    {act}
    print('DID IT')
except BaseException as error:
    print(type(error).__name__, getattr(error, 'errno', ''))
"""
# Each wall taken away in turn: what it stood before must be held by another.
WALLS = {
    "all": "pass",
    "no seccomp": "c.calls.deny_all_others = lambda: False",
    "no Landlock": "c.deny_paths_ports_and_signals = lambda: False",
}
# A worker runs as root or as a user of its own; a parser must be held in both.
ORDINARY = 2_345
USERS = {
    "root": (NOBODY, "pass"),
    "an ordinary user": (ORDINARY, f"os.setgroups([]); os.setgid({ORDINARY}); os.setuid({ORDINARY})"),
}
IS_ROOT = os.geteuid() == 0


def attempt(act: str, before: str = "pass", *arguments: str, doors: bool = True) -> str:
    """What hostile code came to; with `doors=False` as a control, to see that it works where nothing holds it."""
    program = PROGRAM.format(act=act, before=before)
    if not doors:
        program = program.replace("c.limit_resources(); c.close_doors()", "")
    finished = subprocess.run(
        [sys.executable, "-I", "-c", program, str(PROJECT), *arguments],
        capture_output=True, text=True, env={"LANG": "C.UTF-8"}, check=False, timeout=60,
    )  # fmt: skip
    return finished.stdout.strip() or f"died {finished.returncode} {finished.stderr[-200:]}"


def landlock_version() -> int:
    return int(ctypes.CDLL(None).syscall(444, None, 0, 1)) if sys.platform == "linux" else 0


@pytest.fixture(params=sorted(USERS))
def user(request: pytest.FixtureRequest) -> tuple[int, str]:
    """Whose rights the hostile code has in the end, and how it comes by them."""
    if not IS_ROOT and request.param != "root":
        pytest.skip("Nobody but root can become another user.")
    return USERS[request.param] if IS_ROOT else (os.geteuid(), "pass")


@pytest.fixture
def victim(user: tuple[int, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user, such as another document's reader."""
    started = subprocess.Popen(["/bin/sleep", "60"], user=user[0] if IS_ROOT else None)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def test_secrets_cannot_be_read() -> None:
    """L27: the process that reads uploads can open neither the secrets file nor its parent's environment."""
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        secret = Path(home) / "secrets.json"
        secret.write_text("canary")
        secret.chmod(0o644)
        assert "DID IT" in attempt("open(sys.argv[2]).read()", "pass", str(secret), doors=False)
        assert "DID IT" not in attempt("print(open(sys.argv[2]).read())", "pass", str(secret))
        assert "DID IT" not in attempt(f"print(open('/proc/{os.getpid()}/environ').read())")


def test_landlock_alone_would_hold_too() -> None:
    """L27: with descriptors to spare and every call allowed, the kernel still denies every path."""
    if landlock_version() < 1:
        pytest.skip("This kernel has no Landlock.")
    alone = "c.calls.deny_all_others = lambda: False; c._lower = lambda *limits: None"
    assert attempt("print(open('/etc/hostname').read())", alone).startswith("PermissionError")
    assert attempt("open('/dev/shm/aiaxis-escape', 'w')", alone).startswith("PermissionError")


@pytest.mark.parametrize("wall", WALLS)
@pytest.mark.parametrize(
    "act",
    [
        "open('/dev/shm/aiaxis-escape', 'w')",
        "os.close(0); open('/dev/shm/aiaxis-escape', 'w')",
        "socket.socket()",
        "os.close(0); socket.socket(socket.AF_UNIX)",
        "os.listdir('/')",
        "os.fork()",
        "os.execv('/bin/sh', ['sh', '-c', 'echo DID IT'])",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
        "bytearray(2 << 30)",
    ],
)
def test_it_reaches_no_file_no_network_no_program_and_no_more_memory(act: str, wall: str) -> None:
    """L27, L47: everything a parser has no need of is refused by the kernel."""
    assert "DID IT" not in attempt(act, WALLS[wall])


@pytest.mark.parametrize("wall", WALLS)
def test_no_word_of_the_document_leaves_over_the_network(user: tuple[int, str], wall: str) -> None:
    """L27: not by TCP, not by UDP, not with a descriptor that was closed to make room; somebody listens, and hears nothing."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        call = f"os.close(0); socket.create_connection(('127.0.0.1', {tcp.getsockname()[1]}), 2)"
        send = f"os.close(0); socket.socket(type=socket.SOCK_DGRAM).sendto(b'words', ('127.0.0.1', {udp.getsockname()[1]}))"
        assert "DID IT" in attempt(call, user[1], doors=False)
        assert "DID IT" in attempt(send, user[1], doors=False)
        tcp.accept()[0].close()
        assert udp.recv(10) == b"words"
        for act in (call, send):
            assert "DID IT" not in attempt(act, f"{user[1]}; {WALLS[wall]}")
        for listener in (tcp, udp):
            listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            tcp.accept()
        with pytest.raises(TimeoutError):
            udp.recv(10)


@pytest.mark.parametrize("wall", WALLS)
def test_it_starts_no_second_process(user: tuple[int, str], wall: str) -> None:
    """L47: a child that left its session would go on after the document was closed."""
    fork = "os.fork() or os._exit(0)"
    assert "DID IT" in attempt(fork, user[1], doors=False)
    assert "DID IT" not in attempt(fork, f"{user[1]}; {WALLS[wall]}")


@pytest.mark.parametrize("wall", WALLS)
def test_it_kills_nobody_of_its_own_user(user: tuple[int, str], victim: subprocess.Popen[bytes], wall: str) -> None:
    """Another document's reader, and where the worker is no root the worker itself, has the same user."""
    if wall == "no seccomp" and landlock_version() < 6:
        pytest.skip("Before version 6, Landlock says nothing of signals.")
    kill = f"os.kill({victim.pid}, signal.SIGKILL)"
    assert attempt(kill, f"{user[1]}; {WALLS[wall]}").startswith("PermissionError")
    assert victim.poll() is None
    control = f"{user[1]}; os.setuid({user[0]})"
    assert "DID IT" in attempt(kill, control, doors=False)
    assert victim.wait(timeout=PATIENCE) == -signal.SIGKILL


def test_endless_work_is_ended_by_the_kernel() -> None:
    """L47: processor time is limited even when nobody watches, by the signal that tells the parent why."""
    short = "c.PROCESSOR_SECONDS, c.PROCESSOR_SECONDS_AT_MOST = 1, 3"
    assert attempt("exec('while True: pass')", short).startswith(f"died {-signal.SIGXCPU} ")


def test_who_ignores_the_first_signal_is_killed_by_the_second() -> None:
    """L47: a parser that was taken over may catch SIGXCPU, and gains a second by it."""
    stubborn = "c.PROCESSOR_SECONDS, c.PROCESSOR_SECONDS_AT_MOST = 1, 2; signal.signal(signal.SIGXCPU, signal.SIG_IGN)"
    assert attempt("exec('while True: pass')", stubborn).startswith(f"died {-signal.SIGKILL} ")


def test_the_child_is_given_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """L27: settings and keys live in the environment, so the reader gets another one."""
    monkeypatch.setenv("SECRET_KEY", "canary-environment")
    seen: list[dict[str, str]] = []
    start = subprocess.Popen

    def watched(*arguments: object, **options: object) -> object:
        seen.append(dict(options["env"]))  # type: ignore[call-overload]  # extract passes a dict
        return start(*arguments, **options)  # type: ignore[call-overload]  # passed through unchanged

    from files import extraction, types

    monkeypatch.setattr("files.extraction.subprocess.Popen", watched)
    with tempfile.TemporaryFile() as stream:
        stream.write(b"some words")
        stream.flush()
        extraction.extract(stream, types.ALLOWED["txt"])
    assert [set(environment) for environment in seen] == [{"LANG", "PYTHONUTF8"}]

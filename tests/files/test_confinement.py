"""What can a parser that was taken over still do? Each test runs hostile code where the parser would run."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from files.extraction import PROJECT

CLOSED = (
    "import sys; sys.path.insert(0, sys.argv[1]); import os, socket, resource, signal; "
    "from files.extraction import confinement as c; c.limit_resources(); {open_before}; c.close_doors()\n"
    "try:\n    {act}\n    print('DID IT')\n"
    "except BaseException as error:\n    print(type(error).__name__, getattr(error, 'errno', ''))\n"
)


def attempt(act: str, open_before: str = "pass", *arguments: str) -> str:
    program = CLOSED.format(act=act, open_before=open_before)
    finished = subprocess.run(
        [sys.executable, "-I", "-c", program, str(PROJECT), *arguments],
        capture_output=True, text=True, env={"LANG": "C.UTF-8"}, check=False, timeout=60,
    )  # fmt: skip
    return finished.stdout.strip() or f"died {finished.returncode} {finished.stderr[-200:]}"


def test_secrets_cannot_be_read() -> None:
    """L27: the process that reads uploads can open neither the secrets file nor its parent's environment."""
    with tempfile.TemporaryDirectory() as home:
        secret = Path(home) / "secrets.json"
        secret.write_text("canary")
        secret.chmod(0o644)
        assert "DID IT" not in attempt("print(open(sys.argv[2]).read())", "pass", str(secret))
        assert "DID IT" not in attempt(f"print(open('/proc/{os.getpid()}/environ').read())")


def test_landlock_alone_would_hold_too() -> None:
    """L27: with descriptors to spare (had the parser found one to reuse) the kernel still denies every path."""
    if sys.platform != "linux":
        pytest.skip("Landlock is Linux's.")
    from_descriptor = "os.close(0); print(open('/etc/hostname').read())"
    assert attempt(from_descriptor).startswith(("PermissionError", "OSError"))


@pytest.mark.parametrize(
    "act",
    [
        "open('/dev/shm/aiaxis-escape', 'w')",
        "os.close(0); open('/dev/shm/aiaxis-escape', 'w')",
        "socket.socket()",
        "os.close(0); socket.create_connection(('127.0.0.1', 22), 2)",
        "os.listdir('/')",
        "os.execv('/bin/sh', ['sh', '-c', 'echo DID IT'])",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
        "bytearray(2 << 30)",
    ],
)
def test_it_reaches_no_file_no_network_no_program_and_no_more_memory(act: str) -> None:
    """L27, L47: everything a parser has no need of is refused by the kernel."""
    assert "DID IT" not in attempt(act)


def test_endless_work_is_ended_by_the_kernel() -> None:
    """L47: processor time is limited even when nobody watches."""
    spin = "resource.setrlimit(resource.RLIMIT_CPU, (1, 1)); exec('while True: pass')"
    assert attempt(spin).startswith("died -")


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

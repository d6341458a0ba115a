"""Do the supervisor's children start, come back, and leave nothing behind?

Each test runs a small supervisor in a process of its own, since it takes over signals and forks.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]

# Two children, one of which has a child of its own, as the web server has.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from aiaxis.supervisor import Supervisor, die_with

notes = Path(sys.argv[1])

def note(name):
    (notes / f"{name}-{os.getpid()}").write_text("")

def sleeper():
    note("sleeper")
    while True:
        time.sleep(1)

def parent_of_another():
    me = os.getpid()
    if os.fork() == 0:
        die_with(me, "grandchild")
        note("grandchild")
        while True:
            time.sleep(1)
    note("parent")
    while True:
        time.sleep(1)

def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("deaf")
    while True:
        time.sleep(1)

supervisor = Supervisor(say=lambda sentence: print(sentence, flush=True))
supervisor.listen()
"""


@contextmanager
def running(tmp_path: Path, body: str) -> Iterator[subprocess.Popen[str]]:
    """Run a supervisor whose last lines are `body`; whatever is left of its children is killed in the end."""
    program = PROGRAM + textwrap.dedent(body)
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        for name in tmp_path.iterdir():
            pid = int(name.name.rpartition("-")[2])
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def pids(tmp_path: Path, name: str, *, count: int = 1) -> list[int]:
    """Wait until `count` children of this name have noted themselves and return their pids, oldest first."""

    def noted() -> list[Path]:
        return sorted(tmp_path.glob(f"{name}-*"), key=lambda path: path.stat().st_mtime_ns)

    if until(lambda: len(noted()) >= count):
        return [int(path.name.rpartition("-")[2]) for path in noted()]
    raise AssertionError(f"{count} of {name} never started")


def alive(pid: int) -> bool:
    """Say whether a process runs; one that waits for its parent to ask does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def gone(*numbers: int) -> bool:
    """Wait for all of these processes to end."""
    return until(lambda: not any(alive(pid) for pid in numbers))


SERVING = """
supervisor.start("one", sleeper)
supervisor.start("two", parent_of_another)
supervisor.watch()
supervisor.stop()
"""


def test_it_stops_everything_at_sigterm(tmp_path: Path) -> None:
    with running(tmp_path, SERVING) as process:
        children = [pids(tmp_path, name)[0] for name in ("sleeper", "parent", "grandchild")]
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert gone(*children)


def test_it_leaves_nothing_after_a_kill_of_the_supervisor(tmp_path: Path) -> None:
    with running(tmp_path, SERVING) as process:
        children = [pids(tmp_path, name)[0] for name in ("sleeper", "parent", "grandchild")]
        process.kill()
        assert gone(*children)


def test_it_starts_a_killed_child_again_without_its_orphans(tmp_path: Path) -> None:
    with running(tmp_path, SERVING) as process:
        first, orphan = pids(tmp_path, "parent")[0], pids(tmp_path, "grandchild")[0]
        os.kill(first, signal.SIGKILL)
        assert gone(first, orphan)
        assert pids(tmp_path, "parent", count=2)[0] == first
        process.terminate()
        said, _ = process.communicate(timeout=PATIENCE)
        assert "The two process ended by itself (exit code 137); it starts again in 0.5 s." in said


def test_it_kills_a_child_that_will_not_stop(tmp_path: Path) -> None:
    body = """
    import aiaxis.supervisor
    aiaxis.supervisor.GRACE_SECONDS = 0.2
    supervisor.start("deaf", deaf)
    supervisor.watch()
    supervisor.stop()
    """
    with running(tmp_path, body) as process:
        child = pids(tmp_path, "deaf")[0]
        process.terminate()
        said, _ = process.communicate(timeout=PATIENCE)
        assert gone(child)
        assert "The deaf process did not finish in time and was killed." in said


def test_it_returns_the_exit_code_of_what_runs_once(tmp_path: Path) -> None:
    body = """
    print(supervisor.once("fine", lambda: None), supervisor.once("unwell", lambda: sys.exit(3)),
          supervisor.once("said", lambda: sys.exit("why")))
    """
    with running(tmp_path, body) as process:
        assert process.communicate(timeout=PATIENCE)[0].split() == ["0", "3", "1"]

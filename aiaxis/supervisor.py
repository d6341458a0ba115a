"""How do the processes of one installation start, stay up and stop together?

The supervisor imports the whole application once and then forks: a child is ready in milliseconds, shares the memory of
what was imported, and restarts as fast as it started. For that it must have no thread and no database connection of its
own, so whatever needs the database before serving runs in a child too (`once`).

Each child leads a process group, so a Ctrl-C at the terminal reaches the supervisor alone and stopping is orderly, and
each dies with its parent: after a `kill -9` of the supervisor nothing is left.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from aiaxis import logs

GRACE_SECONDS = 8.0  # for one child to finish what it does, before it is killed
PATIENCE_SECONDS = 16.0  # for all of them together
LONGEST_PAUSE_SECONDS = 30.0  # between two attempts to start a child that keeps dying
STEADY_SECONDS = 60.0  # after which an earlier death is forgotten

# <linux/prctl.h>
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15


@dataclass(slots=True)
class Child:
    """One process that should be up: what it is called, what it does, and how it has been doing."""

    name: str
    run: Callable[[], object]
    pid: int | None = None
    started_at: float = 0.0
    deaths: int = 0
    due_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Keeps its children up until it is told to stop. `say` gets one sentence for whatever a person should know."""

    say: Callable[[str], object]
    children: list[Child] = field(default_factory=list)
    stopping: bool = False
    _wake: tuple[int, int] = field(default_factory=os.pipe)

    def listen(self) -> None:
        """Take SIGINT, SIGTERM and SIGHUP as the wish to stop, from here on; call it in the main thread."""
        for end in self._wake:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        # A handler, even an empty one, is what makes the end of a child wake the wait below.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def start(self, name: str, run: Callable[[], object]) -> None:
        """Fork a child that calls `run`, and keep it up."""
        child = Child(name, run)
        self.children.append(child)
        self._fork(child)

    def once(self, name: str, run: Callable[[], object]) -> int:
        """Fork a child that calls `run`, wait for its end and return its exit code; a wish to stop ends it early."""
        child = Child(name, run)
        self._fork(child)
        while (code := self._exit_code(child)) is None:
            if self.stopping:
                self._end(child, time.monotonic() + GRACE_SECONDS)
                return 128 + signal.SIGTERM
            self._wait(1.0)
        self._sweep(child.pid)
        return code

    def watch(self) -> None:
        """Restart what dies, until somebody asks to stop."""
        while not self.stopping:
            now = time.monotonic()
            for child in self.children:
                if child.pid is not None and (code := self._exit_code(child)) is not None:
                    self._plan_restart(child, code, now)
                if child.due_at is not None and child.due_at <= now:
                    self._fork(child)
            self._wait(0.5)

    def came_up(self, is_up: Callable[[], bool], seconds: float) -> bool:
        """Wait until `is_up` says so; False when a child dies first, the time is over, or somebody asks to stop.

        A child that cannot even start will not start at the second attempt either, and has said why.
        """
        deadline = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < deadline:
            for child in self.children:
                if child.pid is not None and self._exit_code(child) is not None:
                    self._sweep(child.pid)
                    child.pid = None
                    return False
            if is_up():
                return True
            self._wait(0.03)
        return False

    def stop(self) -> None:
        """End the children in the reverse order of their start: the last started depends on those before it."""
        self.stopping = True
        deadline = time.monotonic() + PATIENCE_SECONDS
        for child in reversed(self.children):
            if child.pid is not None:
                self._end(child, min(deadline, time.monotonic() + GRACE_SECONDS))

    # ------------------------------------------------------------------------------------------------------------

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _wait(self, seconds: float) -> None:
        """Sleep for at most this long; a signal ends it at once."""
        readable, _, _ = select.select([self._wake[0]], [], [], seconds)
        if readable:
            os.read(self._wake[0], 4096)

    def _fork(self, child: Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be(child, parent)
        child.pid, child.started_at, child.due_at = pid, time.monotonic(), None
        try:
            os.setpgid(pid, pid)  # the child does the same; whoever is first, nobody signals a group that is not there
        except (ProcessLookupError, PermissionError):
            pass  # it is gone already, or was first

    def _be(self, child: Child, parent: int) -> NoReturn:
        """Live as the child: never return into the supervisor's frames, whose clean-up is not ours to run."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for end in self._wake:
                os.close(end)
            die_with(parent, child.name)
            logs.name_process(child.name)
            child.run()
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
            if isinstance(leaving.code, str):
                sys.stderr.write(f"{leaving.code}\n")
        except BaseException as error:  # noqa: BLE001 – the last frame of a process: this is all that will be known of it
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _exit_code(self, child: Child) -> int | None:
        """Return how the child ended (128 + n for signal n), or None while it lives."""
        pid, status = os.waitpid(child.pid or 0, os.WNOHANG)
        if pid == 0:
            return None
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def _plan_restart(self, child: Child, code: int, now: float) -> None:
        self._sweep(child.pid)
        if now - child.started_at > STEADY_SECONDS:
            child.deaths = 0
        pause = min(0.5 * 2**child.deaths, LONGEST_PAUSE_SECONDS)
        child.pid, child.due_at, child.deaths = None, now + pause, child.deaths + 1
        self.say(f"The {child.name} process ended by itself (exit code {code}); it starts again in {pause:g} s.")

    def _end(self, child: Child, deadline: float) -> None:
        """Ask the child's group to end, wait until the deadline, then kill whatever is left of it."""
        self._signal(child.pid, signal.SIGTERM)
        while self._exit_code(child) is None:
            if time.monotonic() > deadline:
                self.say(f"The {child.name} process did not finish in time and was killed.")
                self._sweep(child.pid)
                os.waitpid(child.pid or 0, 0)
                break
            self._wait(0.05)
        self._sweep(child.pid)
        child.pid = None

    def _sweep(self, pid: int | None) -> None:
        """Kill what is left of a child's group: grandchildren that outlived it would hold its port and its locks."""
        self._signal(pid, signal.SIGKILL)

    @staticmethod
    def _signal(pid: int | None, number: signal.Signals) -> None:
        try:
            os.killpg(pid or 0, number) if pid else None
        except (ProcessLookupError, PermissionError):
            pass  # the group is empty; macOS says so with the second of these


def die_with(parent: int, name: str) -> None:
    """Make this process end when `parent` does, however that happens, and show it as aiaxis-`name` in `ps`.

    Linux keeps the promise in the kernel, per process: a child of this one must call it again. Elsewhere a thread asks
    once a second whether the parent is still the same.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_NAME, f"aiaxis-{name}".encode()[:15], 0, 0, 0)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    # The parent may have died between the fork and the call above, and then no signal would ever come.
    if os.getppid() != parent:
        os._exit(1)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)

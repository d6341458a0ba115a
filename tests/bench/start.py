"""How long does somebody wait who starts AiAxis for the first time, and every time after it?"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from aiaxis.postgres import EmbeddedServer
from tests.bench.rows import Row, at_most

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120
# What this process was told about the benchmark's own databases: a first start knows nothing of them.
FOREIGN = (
    "DATABASE_",
    "AIAXIS_",
    "DJANGO_SETTINGS_MODULE",
    "SECRET_KEY",
    "FENCE_KEY",
    "JOB_KEY",
    "SEAL_KEY",
    "IDENTITY_KEY",
    "NOTIFY_KEY",
    "MODEL_KEY",
    "BENCH_",
    "PYTEST_",
)


def rows(*, rounds: int) -> list[Row]:
    """Start the embedded server, and then the whole installation with its demo, twice each in a home of their own."""
    with _a_home() as home:
        server = EmbeddedServer(home)
        cold = _seconds(server)
        server.stop()
        warm = _seconds(server)
        server.stop()
    with _a_home() as home:
        first, second = _served(home), _served(home)
    return [
        at_most("start: embedded server, cold", cold, 2.5, "s", "makes the cluster, its roles and extensions"),
        at_most("start: embedded server, warm", warm, 0.5, "s"),
        at_most("start: first run to /readyz", first, 15, "s", "with migrations and the demo"),
        at_most("start: second run to /readyz", second, 3, "s"),
    ]


@contextmanager
def _a_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aiaxis-bench-") as folder:
        home = Path(folder) / "home"
        try:
            yield home
        finally:
            EmbeddedServer(home).destroy()


def _seconds(server: EmbeddedServer) -> float:
    began = time.perf_counter()
    server.start()
    return time.perf_counter() - began


def _served(home: Path) -> float:
    """Run `manage.py serve --demo` in this home; the seconds until it says that it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environment |= {"AIAXIS_HOME": str(home), "PORT": str(port)}
    began = time.perf_counter()
    command = [sys.executable, "manage.py", "serve", "--demo"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said) as process,
    ):
        try:
            while not _is_ready(port):
                if process.poll() is not None or time.perf_counter() - began > PATIENCE_SECONDS:
                    said.seek(0)
                    raise RuntimeError(f"manage.py serve did not become ready: {said.read().decode()[-2000:]}")
                time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False  # nobody listens yet
    finally:
        connection.close()

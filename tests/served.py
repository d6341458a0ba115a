"""How does a test run the whole installation, as `manage.py serve` runs it, over this test process's databases?"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def running(folder: Path, *, workers: int = 1, pool: int = 8, threads: int = 64) -> Iterator[str]:
    """Run web server, worker and shipper; yield the address. What they say stands in the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {"PORT": str(port), "WEB_WORKERS": str(workers), "WEB_THREADS": str(threads)}
    ours["DATABASE_POOL_SIZE"] = str(pool)
    said = folder / "said.txt"
    command = [sys.executable, "manage.py", "serve"]
    with (
        said.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **ours},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(address, process, said)
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{address}/readyz", timeout=5):  # noqa: S310 - an address of our own making
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"manage.py serve did not become ready. It said:\n{said.read_text()}")

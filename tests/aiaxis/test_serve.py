"""Does the whole installation come up, stay up and go down by one command, and say in a sentence why it cannot?"""

from __future__ import annotations

import json
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
from urllib.request import Request, urlopen

import pytest

from aiaxis.management.commands import serve
from aiaxis.postgres import EmbeddedServer
from tests.aiaxis.test_supervisor import alive, gone
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(address: str) -> int:
    """Return the status that the address answers with; 0 while nobody answers."""
    try:
        with urlopen(address, timeout=5) as answer:  # noqa: S310 - an address of our own making
            return int(answer.status)
    except (URLError, OSError):
        return 0


def family(pid: int) -> dict[int, str]:
    """Return the processes below this one, each with its name."""
    children: dict[int, str] = {}
    for line in subprocess.run(
        ["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        number, parent, name = line.split(None, 2)
        if int(parent) in {pid, *children}:
            children[int(number)] = name.strip()
    return children


@contextmanager
def serving(tmp_path: Path, **changed: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Serve over the test databases; whatever is left in the end is killed."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "WEB_WORKERS": "1", "WEB_THREADS": "16", "DATABASE_POOL_SIZE": "4"}
    environment |= changed
    known: dict[int, str] = {}
    with (
        (tmp_path / "said.txt").open("wb") as said,
        subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert until(lambda: status(f"http://127.0.0.1:{port}/readyz") == 200), (tmp_path / "said.txt").read_text()
            known = family(process.pid)
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            for pid in known:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.usefixtures("committed")
def test_a_killed_part_comes_back_and_sigterm_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, address):
        parts = family(process.pid)
        assert {"aiaxis-web", "aiaxis-worker", "aiaxis-shipper"} <= set(parts.values())
        for pid, name in parts.items():
            if name == "aiaxis-web":
                os.kill(pid, signal.SIGKILL)
        assert gone(*(pid for pid, name in parts.items() if name == "aiaxis-web"))
        assert until(lambda: status(f"{address}/readyz") == 200)
        later = family(process.pid)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert gone(*parts, *later)
    said = (tmp_path / "said.txt").read_text()
    assert "The web process ended by itself" in said
    assert said.endswith("AiAxis stopped.\n")


@pytest.mark.usefixtures("committed")
def test_a_killed_supervisor_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _address):
        parts = family(process.pid)
        process.kill()
        assert gone(*parts)


@pytest.mark.usefixtures("committed")
def test_every_process_writes_one_object_a_line_and_the_numbers_are_the_installations(tmp_path: Path) -> None:
    """L44: web, worker, shipper and supervisor; two web processes, and a scraper that asks whichever answers."""
    token = "a-token-of-the-scraper-with-more-than-32-characters"
    changed = {"LOG_FORMAT": "json", "ACCESS_LOG": "true", "METRICS_TOKEN": token, "WEB_WORKERS": "2"}
    with serving(tmp_path, **changed, AIAXIS_HOME=str(tmp_path / "home")) as (process, address):
        for _ in range(20):
            assert status(f"{address}/nowhere/canary-4711/?q=canary-4711") == 0  # an answer of 404 raises there
        numbered = Request(f"{address}/metrics", headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - our own
        counted = 'aiaxis_requests_total{method="GET",route="none",status="4xx"} 20.0'

        def page() -> str:
            with urlopen(numbered, timeout=30) as answer:  # noqa: S310 - as above
                return str(answer.read().decode())

        assert until(lambda: counted in page()), page()
        assert "aiaxis_proof_findings 0.0" in page()
        assert until(lambda: "aiaxis_web_processes 2.0" in page()), page()
        worker = next(pid for pid, name in family(process.pid).items() if name == "aiaxis-worker")
        os.kill(worker, signal.SIGKILL)
        assert until(lambda: "The worker process ended by itself" in (tmp_path / "said.txt").read_text())
        process.terminate()
        assert process.wait(PATIENCE) == 0
    said = (tmp_path / "said.txt").read_text()
    lines = [json.loads(line) for line in said.splitlines()]
    assert {"supervisor", "web"} <= {line["process"] for line in lines}
    requests = [line for line in lines if line["logger"] == "access" and line["status"] == 404]
    assert len(requests) == 20
    assert len({line["request"] for line in requests}) == 20
    assert "canary" not in said
    assert any(line["message"] == "AiAxis stopped." for line in lines if line["process"] == "supervisor")


def refused(**environment: str) -> str:
    """Try to serve with this environment; return what it said. It must stop by itself, with an exit code and no trace."""
    outcome = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert outcome.returncode == 1
    assert "Traceback" not in outcome.stderr
    return outcome.stderr


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("PORT", "eighty", "PORT must be a whole number, and is 'eighty'."),
        ("PORT", "70000", "PORT must be between 1 and 65535, and is 70000."),
        ("DEBUG", "ture", "DEBUG must be true or false, and is 'ture'."),
        ("SECRET_KEY", "short", "SECRET_KEY must be set to at least 32 random characters."),
        ("DATABASE_OWNER_URL", "", "DATABASE_OWNER_URL must be set"),
        ("ADDRESS", "203.0.113.7", "ADDRESS: 203.0.113.7 cannot be listened on"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name_and_what_it_wants(name: str, value: str, wanted: str) -> None:
    assert refused(**{name: value}).startswith(wanted)


def test_a_port_in_use_is_said_and_another_one_offered() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"PORT: another program already listens on 127.0.0.1:{port}" in refused(PORT=str(port))


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = {name: "" for name in os.environ if name.startswith("DATABASE_")}
    said = refused(**environment, AIAXIS_HOME=str(tmp_path / "file" / "home"), PORT=str(free_port()))
    assert said.startswith("AIAXIS_HOME: ")
    assert len(said.strip().splitlines()) == 1


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    url = f"postgresql://aiaxis_owner:x@/aiaxis?host={tmp_path}"
    said = refused(DATABASE_OWNER_URL=url, PORT=str(free_port()))
    assert "the database or the home folder cannot be used" in said


def test_a_killed_database_comes_back(tmp_path: Path) -> None:
    """Nobody else starts it anew: web, worker and shipper only wait for it to answer again."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    keeper = "from aiaxis.management.commands import serve; serve._keep_database()"
    server = EmbeddedServer(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", keeper], cwd=ROOT, env={**own, "AIAXIS_HOME": str(tmp_path)}
    ) as process:
        try:
            assert until(server.is_answering)
            # Attaching waits until the new cluster is whole; letting go leaves it to the keeper.
            server.start()
            server.stop()
            os.kill(int((server.places.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            time.sleep(0.2)
            assert until(server.is_answering)
            process.terminate()
            assert process.wait(PATIENCE) == 0
            assert not server.is_answering()
        finally:
            process.kill()
            server.destroy()


def test_a_path_is_short_below_this_folder_and_whole_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path.resolve() / "project"
    home.mkdir()
    monkeypatch.chdir(home)
    assert serve.shown(home / ".aiaxis" / "demo.json") == ".aiaxis/demo.json"
    assert serve.shown(tmp_path / "demo.json") == f"{tmp_path.resolve()}/demo.json"

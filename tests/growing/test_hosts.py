"""Does AiAxis on two web hosts and two workers, behind a proxy and over PgBouncer and Redis, stay one installation that leaks nothing?

It is the worked example of docs/deploy.md, run with its own files. Each host has a home of its own and shares the folder of
files; nothing sends a person to the same host twice.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings

from accounts.services import sessions
from tests import cast, databases, doors, environment
from tests.aiaxis.test_serve import free_port
from tests.cast import ALICE, BOB, CHARLIE, acting
from tests.growing.parts import example, needed, nginx, password_of, pgbouncer, redis
from tests.test_settings_profiles import ISOLATION, ROOT, WALLS, run
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.soak, needed("pgbouncer", "redis-server", "nginx", "openssl")]
HOST = "aiaxis.example"
SECRETS = ("SECRET_KEY", "FENCE_KEY", "JOB_KEY", "SEAL_KEY", "IDENTITY_KEY", "NOTIFY_KEY", "MODEL_KEY")


@dataclass
class Hosts:
    """Where they are: the two web hosts by themselves, and the proxy in front of both."""

    web: list[int]
    proxy: int
    variables: dict[str, str]

    def ask(
        self,
        host: int,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes | None = None,
    ) -> Any:
        """One request to one of the web hosts, as its proxy would send it; the answer, read, as `.content`."""
        line = http.client.HTTPConnection("127.0.0.1", self.web[host], timeout=PATIENCE)
        return _answered(line, method, path, headers, body)

    def through(
        self, path: str, headers: dict[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
    ) -> Any:
        """One request through the proxy, over TLS, to whichever host it chooses."""
        trusting = ssl.create_default_context(cafile=self.variables["TLS"])
        line = http.client.HTTPSConnection(HOST, self.proxy, timeout=PATIENCE, context=trusting)
        # The name of the example is in no DNS; its certificate is checked all the same.
        plain = socket.create_connection(("127.0.0.1", self.proxy), PATIENCE)
        line.sock = trusting.wrap_socket(plain, server_hostname=HOST)
        return _answered(line, method, path, headers, body)


def _answered(
    line: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str] | None, body: bytes | None
) -> Any:
    try:
        line.request(method, path, body, {"Host": HOST, "X-Forwarded-Proto": "https", **(headers or {})})
        answer: Any = line.getresponse()
        answer.content = answer.read()
        return answer
    finally:
        line.close()


def environment_of(folder: Path, pool: int, cache: int) -> dict[str, str]:
    """What docs/example/host.env gives a host, with the addresses of this machine."""
    sockets = environment.server.places.socket_directory
    straight = {
        f"@db.example:5432/{name}": f"@/{meant}?host={sockets}"
        for name, meant in (("aiaxis", environment.platform_database),)
    }
    changes = {
        f"PASSWORD_{role.removeprefix('aiaxis_').upper()}@": f"{password_of(role)}@"
        for role in (
            "aiaxis_app",
            "aiaxis_ops",
            "aiaxis_audit",
            "aiaxis_seal",
            "aiaxis_identity",
            "aiaxis_queue",
            "aiaxis_owner",
        )
    }
    changes |= straight | {
        "10.20.0.5:6432": f"127.0.0.1:{pool}",
        "10.20.0.6:6379": f"127.0.0.1:{cache}",
        "10.20.0.4": "127.0.0.1",
    }
    text = example("host.env", changes)
    given = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {
        **os.environ,
        **given,
        **{name: os.environ[name] for name in SECRETS},
        "WEB_WORKERS": "1",
        "WEB_THREADS": "64",
    }


@contextmanager
def host(folder: Path, variables: dict[str, str], files: Path, *switches: str) -> Iterator[subprocess.Popen[bytes]]:
    """One host: `manage.py serve` with a home of its own and the folder of files that all share."""
    folder.mkdir()
    (folder / "storage").symlink_to(files)
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", *switches],
            cwd=ROOT, env={**variables, "AIAXIS_HOME": str(folder)}, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def hosts(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosts]:
    """All of it, started in the same moment, as after a power cut."""
    folder = tmp_path_factory.mktemp("hosts")
    files = folder / "files"
    files.mkdir(mode=0o700)
    meant = {"aiaxis": environment.platform_database, "aiaxis_identity": environment.identity_database}
    with ExitStack() as stack:
        pool, cache = stack.enter_context(pgbouncer(size=4, databases=meant)), stack.enter_context(redis(folder))
        variables = environment_of(folder, pool, cache)
        web = [free_port(), free_port()]
        for number, port in enumerate(web):
            stack.enter_context(host(folder / f"web{number}", {**variables, "PORT": str(port)}, files, "--part", "web"))
            stack.enter_context(host(folder / f"worker{number}", variables, files, "--part", "worker"))
        proxy = stack.enter_context(nginx(folder, web))
        found = Hosts(web, proxy, {**variables, "TLS": f"{folder}/tls.pem"})
        for number in range(2):
            said = [folder / f"{kind}{number}" / "said.txt" for kind in ("web", "worker")]
            assert until(partial(_is_ready, found, number)), said[0].read_text()
            assert until(partial(_says, said[1], b"The worker of AiAxis runs")), said[1].read_text()
        yield found
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        databases.put_back()


def _says(said: Path, words: bytes) -> bool:
    return words in said.read_bytes()


def _is_ready(found: Hosts, number: int) -> bool:
    try:
        return bool(found.ask(number, "/readyz").status == 200)
    except OSError:
        return False


def cookie(answer: Any, name: str) -> str:
    """What this answer sets as this cookie; "" for nothing."""
    found = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or [] if one.startswith(f"{name}=")]
    return found[-1] if found else ""


def typed_in(ask: Any, email: str, password: str) -> tuple[int, str]:
    """Sign in by the forms, each request by ``ask``; return the last status and the session's cookie."""
    page = ask("/sign-in/")
    csrf = cookie(page, settings.CSRF_COOKIE_NAME)
    token = csrf.partition("=")[2]
    headers = {
        "Cookie": csrf,
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"https://{HOST}",
        "Referer": f"https://{HOST}/sign-in/",
    }
    form = {"csrfmiddlewaretoken": token, "email": email, "password": password, "next": ""}
    answer = ask("/sign-in/", headers, method="POST", body=urlencode(form).encode())
    return answer.status, cookie(answer, settings.SESSION_COOKIE_NAME)


def bearer(person: cast.Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {doors.key(person).value}"}


def multipart(name: str, text: bytes) -> tuple[dict[str, str], bytes]:
    head = f'--line\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/markdown\r\n\r\n'
    return {"Content-Type": "multipart/form-data; boundary=line"}, head.encode() + text + b"\r\n--line--\r\n"


def post(hosts: Hosts, host: int, path: str, key: dict[str, str], body: Any) -> Any:
    return hosts.ask(
        host, path, {**key, "Content-Type": "application/json"}, method="POST", body=json.dumps(body).encode()
    )


def test_a_person_signs_in_at_one_host_and_is_known_and_forgotten_at_both(hosts: Hosts, committed: None) -> None:
    """Through the proxy, which sends each request to another host; a sign-out at one is a no at the other's next request."""
    status, session = typed_in(hosts.through, ALICE.email, cast.PASSWORD)
    assert (status, bool(session)) == (302, True)
    for _ in range(4):
        assert hosts.through("/account/", {"Cookie": session}).status == 200
    opened = doors.session(BOB)
    held = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={opened.token}"}
    assert [hosts.ask(number, "/account/", held).status for number in (0, 1)] == [200, 200]
    with acting(BOB):
        sessions.sign_out(actor=opened.tenant)
    assert [hosts.ask(number, "/account/", held).status for number in (0, 1)] == [302, 302]


def test_a_file_of_one_host_answers_at_the_other_and_no_stranger(hosts: Hosts, committed: None) -> None:
    """Uploaded at the first, read by either worker, asked at the second, followed at the first. Charlie is told of nothing."""
    key, stranger = bearer(ALICE), bearer(CHARLIE)
    headers, body = multipart(
        "refunds.md", b"# Refunds\n\nSchools return unopened goods within ninety days of delivery.\n"
    )
    sent = hosts.ask(0, "/api/v1/files", {**key, **headers}, method="POST", body=body)
    assert sent.status in (201, 202), sent.content
    file = json.loads(sent.content)["id"]

    def is_ready() -> bool:
        return bool(json.loads(hosts.ask(1, f"/api/v1/files/{file}", key).content)["status"] == "ready")

    assert until(is_ready)
    assert hosts.ask(1, f"/api/v1/files/{file}", stranger).status == 404
    made = post(hosts, 1, "/api/v1/agents", key, {"name": "Desk", "file_ids": [file]})
    assert made.status == 201, made.content
    begun = post(hosts, 0, "/api/v1/conversations", key, {"agent_id": json.loads(made.content)["id"]})
    assert begun.status == 201, begun.content
    conversation = f"/api/v1/conversations/{json.loads(begun.content)['id']}"
    asked = post(hosts, 1, f"{conversation}/messages", key, {"text": "Until when may schools return unopened goods?"})
    assert asked.status in (201, 202), asked.content
    stream = hosts.ask(0, f"{conversation}/stream", key)
    assert b"ninety days" in stream.content, stream.content
    assert hosts.ask(0, f"{conversation}/stream", stranger).status == 404


def test_limits_hold_over_both_hosts(hosts: Hosts, committed: None) -> None:
    """L41: a guesser who changes hosts with each try has no more of them: they are counted in Redis and the identity store."""
    answers = []
    for number in range(settings.AXES_FAILURE_LIMIT + 2):
        status, session = typed_in(partial(hosts.ask, number % 2), BOB.email, f"wrong guess {number}")
        answers.append((status, session))
    assert all(not session for _, session in answers)
    assert [status for status, _ in answers][-2:] == [429, 429], answers
    assert typed_in(partial(hosts.ask, 1), BOB.email, cast.PASSWORD)[1] == ""


def test_readers_of_two_workspaces_over_shared_connections_see_their_own(hosts: Hosts, committed: None) -> None:
    """P5, L39: eight readers, two hosts, four connections; each list holds one's own names and no other."""
    wrong: list[str] = []
    readers = []
    for person in (ALICE, CHARLIE):
        key = bearer(person)
        headers, body = multipart(f"{person.name}.md", person.name.encode() * 40)
        hosts.ask(0, "/api/v1/files", {**key, **headers}, method="POST", body=body)
        given = [(hosts, number % 2, key, f"{person.name}.md", wrong) for number in range(4)]
        readers += [threading.Thread(target=_read, args=one) for one in given]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert wrong == []


def _read(hosts: Hosts, host: int, key: dict[str, str], name: str, wrong: list[str]) -> None:
    until_then = time.monotonic() + 10
    while time.monotonic() < until_then:
        answer = hosts.ask(host, "/api/v1/files", key)
        if answer.status == 429:
            time.sleep(0.5)
            continue
        names = {one["name"] for one in json.loads(answer.content).get("items", [])}
        if answer.status != 200 or names != {name}:
            wrong.append(f"{name}: {answer.status} {names}")


def test_the_proof_and_its_attacks_hold_through_the_pool(hosts: Hosts, committed: None) -> None:
    """P5: `manage.py prove_isolation --attack`, with the environment of a host."""
    found = subprocess.run(
        [sys.executable, "manage.py", "prove_isolation", "--attack", "--json"],
        cwd=ROOT, env=hosts.variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.stdout, found.stderr[-3000:]
    report = json.loads(found.stdout)
    assert (report["findings"], report["leaking"], found.returncode) == ([], [], 0)
    assert report["attacks"] >= 48


def test_the_suite_of_isolation_passes_through_the_pool() -> None:
    """P5: the tests themselves, with every request's statements led through PgBouncer."""
    with pgbouncer(size=20) as port:
        run("pooled", {"AIAXIS_TEST_POOLER": f"127.0.0.1:{port}"}, [*WALLS, *ISOLATION])

"""What is the worked example of docs/deploy.md, run on one machine: where are its hosts, and how does somebody ask them?

Started from the example's own files, with addresses and keys of this machine put in. Each host has a home of its own; what they
share is the databases, Redis, and the bucket.
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from tests import cast, doors, environment
from tests.aiaxis.test_serve import family, free_port
from tests.files import bucket
from tests.growing.parts import example, nginx, password_of, pgbouncer, redis
from tests.test_settings_profiles import ROOT
from tests.waiting import PATIENCE, until

HOST = "aiaxis.example"
SECRETS = ("SECRET_KEY", "FENCE_KEY", "JOB_KEY", "SEAL_KEY", "IDENTITY_KEY", "NOTIFY_KEY", "MODEL_KEY")


@dataclass
class Hosts:
    """Where they are: the two web hosts by themselves, and the proxy in front of both."""

    folder: Path
    """Below it, the home of each: `web0`, `web1`, `worker0`, `worker1`."""
    web: list[int]
    workers: list[int]
    """The processes of the two workers."""
    proxy: int
    store: bucket.Server
    bucket: bucket.Guarded
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

    def stored(self) -> list[str]:
        """The names of what lies in the bucket."""
        found = self.bucket.objects.list_objects_v2(Bucket=bucket.BUCKET).get("Contents", [])
        return [str(one["Key"]) for one in found]

    def said(self, name: str) -> str:
        """What this host, or this program beside them, has said so far."""
        return (self.folder / name / "said.txt").read_text()

    def took(self, answer: Any) -> int:
        """Which of the web hosts gave this answer?"""
        number = answer.headers["X-Request-Id"]
        assert until(lambda: any(number in self.said(f"web{host}") for host in (0, 1)))
        return int(number not in self.said("web0"))

    @contextmanager
    def asleep(self, *workers: int) -> Iterator[None]:
        """These workers do nothing as long as this goes on, and know of nothing afterwards."""
        stopped = [pid for number in workers for pid in (self.workers[number], *family(self.workers[number]))]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


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


def environment_of(pool: int, cache: int, store: str, key: dict[str, str]) -> dict[str, str]:
    """What docs/example/host.env gives a host, with the addresses and keys of this machine, and nothing else but the secrets."""
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
        "https://s3.example": store,
        "KEY_OF_THE_BUCKET": key["FILES_S3_ACCESS_KEY"],
        "SECRET_OF_THE_BUCKET": key["FILES_S3_SECRET_KEY"],
    }
    text = example("host.env", changes)
    given = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "AIAXIS_TEST_CLUSTER")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **given,
        **{name: os.environ[name] for name in SECRETS},
        "WEB_WORKERS": "1",
        "WEB_THREADS": "64",
    }


@contextmanager
def host(folder: Path, variables: dict[str, str], *switches: str) -> Iterator[subprocess.Popen[bytes]]:
    """One host: `manage.py serve` with a home of its own, and the archive that the workers share."""
    folder.mkdir()
    if "worker" in switches:
        (folder / "archive").symlink_to(folder.parent / "archive")
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


@contextmanager
def running(folder: Path) -> Iterator[Hosts]:
    """All of it, started in the same moment, as after a power cut."""
    meant = {"aiaxis": environment.platform_database, "aiaxis_identity": environment.identity_database}
    for name in ("pool", "archive"):
        (folder / name).mkdir(mode=0o700)
    with ExitStack() as stack:
        pool = stack.enter_context(pgbouncer(size=4, databases=meant, said=folder / "pool" / "said.txt"))
        cache, store = stack.enter_context(redis(folder)), stack.enter_context(bucket.running())
        files = stack.enter_context(bucket.guarded(store.address))
        variables = environment_of(pool, cache, store.address, files.key)
        web, workers = [free_port(), free_port()], []
        for number, port in enumerate(web):
            stack.enter_context(host(folder / f"web{number}", {**variables, "PORT": str(port)}, "--part", "web"))
            workers.append(stack.enter_context(host(folder / f"worker{number}", variables, "--part", "worker")).pid)
        proxy = stack.enter_context(nginx(folder, web))
        beside = {"TLS": f"{folder}/tls.pem", "AIAXIS_HOME": f"{folder}/terminal"}
        found = Hosts(folder, web, workers, proxy, store, files, {**variables, **beside})
        for number in range(2):
            assert until(partial(_is_ready, found, number)), found.said(f"web{number}")
            assert until(partial(_works, found, number)), found.said(f"worker{number}")
        yield found


def _works(found: Hosts, number: int) -> bool:
    return "The worker of AiAxis runs" in found.said(f"worker{number}")


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

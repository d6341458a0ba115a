"""What stands around AiAxis where it has outgrown one machine: Debian's PgBouncer, Redis and nginx, run for real.

They run with the very files of docs/example/, with addresses of this machine put in. Where one is not installed, the test is
skipped and says so.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import environment
from tests.aiaxis.test_serve import free_port
from tests.waiting import until

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example"
ROLES = [*environment.ROLE_VARIABLES.values(), "aiaxis_identity"]


def needed(*programs: str) -> pytest.MarkDecorator:
    """Skip where one of these programs is not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)} (Debian has it; see .ci/run)")


def password_of(role: str) -> str:
    """The password of one of our roles at the tests' server."""
    return urlsplit(environment.server.url(role)).password or ""


def example(name: str, changes: dict[str, str]) -> str:
    """A file of docs/example/ with these words replaced, each of which must stand in it."""
    text = (EXAMPLE / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"docs/example/{name} has no {old!r} any more"
        text = text.replace(old, new)
    return text


def listens(port: int) -> bool:
    """Does anybody listen there?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def program(command: list[str], port: int, said: Path, *, user: int | None = None) -> Iterator[None]:
    """Run a program until it is not needed any more; what it says stands in the file."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    command = [shutil.which(command[0], path=path) or command[0], *command[1:]]
    with said.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, user=user, start_new_session=True)
        try:
            assert until(lambda: listens(port) or process.poll() is not None), said.read_text()
            assert process.poll() is None, said.read_text()
            yield
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def pgbouncer(*, size: int, databases: dict[str, str] | None = None, said: Path | None = None) -> Iterator[int]:
    """Run PgBouncer in front of the tests' server with so many connections for each role; yield its port.

    ``databases``: by the name in the example, the one that is meant here; without them, every database under its own name.
    ``said``: where it writes who came.
    """
    sockets = environment.server.places.socket_directory
    owner = sockets.stat().st_uid
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="aiaxis-pool-"))
    server = f"host={sockets} port=5432"
    changes = {"listen_addr = 10.20.0.5": "listen_addr = 127.0.0.1", "6432": str(port)}
    changes |= {
        "/etc/pgbouncer/userlist.txt": f"{folder}/users.txt",
        "default_pool_size = 20": f"default_pool_size = {size}",
    }
    changes |= {"reserve_pool_size = 5": "reserve_pool_size = 0", "query_wait_timeout = 10": "query_wait_timeout = 60"}
    for name in ("aiaxis", "aiaxis_identity"):
        there = f" dbname={databases[name]}" if databases else ""
        changes[f"\n{name} = host=db.example port=5432"] = f"\n{name} = {server}{there}"
    text = example("pgbouncer.ini", changes)
    if databases is None:
        text = text.replace("[databases]", f"[databases]\n* = {server}")
    (folder / "pgbouncer.ini").write_text(text)
    (folder / "users.txt").write_text("".join(f'"{role}" "{password_of(role)}"\n' for role in ROLES))
    for path in (folder, *folder.iterdir()):
        # Only the server's own user may connect to its socket, and PgBouncer refuses to run as root.
        os.chown(path, owner, -1)
        path.chmod(0o700 if path.is_dir() else 0o600)
    try:
        user = owner if os.geteuid() == 0 else None
        with program(["pgbouncer", f"{folder}/pgbouncer.ini"], port, said or folder.with_suffix(".said"), user=user):
            yield port
    finally:
        shutil.rmtree(folder)
        folder.with_suffix(".said").unlink(missing_ok=True)


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """Run a Redis that keeps nothing; yield its port."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with program([*command, "--dir", str(folder)], port, folder / "redis.txt"):
        yield port


@contextmanager
def nginx(folder: Path, hosts: list[int]) -> Iterator[int]:
    """Run nginx with a certificate of its own in front of two web hosts, by their ports; yield its port."""
    port = free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=aiaxis.example", "-addext", "subjectAltName=DNS:aiaxis.example", "-keyout", f"{folder}/tls.key",
         "-out", f"{folder}/tls.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    changes = {"listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "/etc/nginx/aiaxis.pem": f"{folder}/tls.pem"}
    changes |= {"/etc/nginx/aiaxis.key": f"{folder}/tls.key", "worker_processes auto": "worker_processes 1"}
    changes |= {f"10.20.0.1{number}:8000": f"127.0.0.1:{host}" for number, host in enumerate(hosts, 1)}
    text = example("nginx.conf", changes)
    bodies = re.sub(
        r"\bhttp \{",
        f"http {{ access_log off; client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/proxied;",
        text,
    )
    (folder / "nginx.conf").write_text(f"daemon off; pid {folder}/nginx.pid; error_log stderr;\n{bodies}")
    if os.geteuid() == 0:
        # Its workers are nobody's; what they keep for a moment stands in a folder that they make below this one.
        (folder / "nginx.conf").write_text(f"user root;\n{(folder / 'nginx.conf').read_text()}")
    with program(
        ["nginx", "-p", str(folder), "-c", f"{folder}/nginx.conf", "-e", "stderr"], port, folder / "nginx.txt"
    ):
        yield port

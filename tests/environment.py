"""Where do the tests' databases, folders and secrets come from?

A pytest plugin (`-p tests.environment`), because Django's settings are read before any conftest is. It starts the
tests' own embedded PostgreSQL and says by the environment, as a production host would, which databases this test
process uses; so a child process that a test starts inherits them all.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from aiaxis.postgres import EmbeddedServer

ROOT: Final = Path(__file__).resolve().parent.parent
ROLE_VARIABLES: Final = {
    "DATABASE_URL": "aiaxis_app",
    "DATABASE_OWNER_URL": "aiaxis_owner",
    "DATABASE_OPS_URL": "aiaxis_ops",
    "DATABASE_QUEUE_URL": "aiaxis_queue",
    "DATABASE_AUDIT_URL": "aiaxis_audit",
    "DATABASE_SEAL_URL": "aiaxis_seal",
}

worker: Final = os.environ.get("PYTEST_XDIST_WORKER", "alone")
cluster_home: Final = Path(os.environ.setdefault("AIAXIS_TEST_CLUSTER", str(ROOT / ".aiaxis" / "tests")))
home: Final = Path(tempfile.mkdtemp(prefix=f"aiaxis-{worker}-"))
platform_database: Final = f"aiaxis_test_{worker}"
identity_database: Final = f"aiaxis_test_{worker}_identity"
server: Final = EmbeddedServer(cluster_home)


def schema_digest() -> str:
    """Return a mark of everything that decides what an empty migrated database looks like."""
    digest = hashlib.sha256()
    sources = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("accounts/identity/store/migrations/*.py")]
    sources += [ROOT / "accounts" / "grants.py", *ROOT.glob("accounts/tenancy/*.py"), ROOT / "tests" / "cast.py"]
    sources += [ROOT / "requirements.txt", Path(__file__), ROOT / "tests" / "conftest.py"]
    for path in sorted(sources):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one test process of this cluster through: the template is made once, and cloned while nobody changes it."""
    with (cluster_home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def announce() -> None:
    """Say by the environment what this process uses, exactly as a production host would."""
    for variable, role in ROLE_VARIABLES.items():
        os.environ[variable] = _url(variable, role, platform_database)
    os.environ["DATABASE_IDENTITY_URL"] = _url("DATABASE_IDENTITY_URL", "aiaxis_identity", identity_database)
    os.environ["DATABASE_DIRECT_URL"] = server.url("aiaxis_app", platform_database)
    os.environ["AIAXIS_HOME"] = str(home)
    # Read by people; tests/aiaxis/test_logs.py asks for the other form.
    os.environ["LOG_FORMAT"] = "plain"
    for name in ("SECRET_KEY", "FENCE_KEY", "JOB_KEY", "SEAL_KEY", "IDENTITY_KEY", "NOTIFY_KEY", "MODEL_KEY"):
        # Fixed, because the template database holds the key that verifies the seals.
        os.environ[name] = hashlib.sha256(f"tests only: {name}".encode()).hexdigest()


def _url(variable: str, role: str, database: str) -> str:
    """Where this role's database is; through a pooler where tests/growing/ says so, but for what needs the server itself."""
    straight, pooler = server.url(role, database), os.environ.get("AIAXIS_TEST_POOLER")
    if not pooler or variable in ("DATABASE_OWNER_URL", "DATABASE_QUEUE_URL"):
        return straight
    parts = urlsplit(straight)
    return f"postgresql://{parts.netloc.rpartition('@')[0]}@{pooler}/{database}"


def hurry() -> None:
    """Let the tests' cluster skip what only a power cut would miss: it holds nothing that a rerun does not make again.

    A commit waits for its log all the same: what the kernel has not been handed yet is gone when the server is killed, and
    tests kill it. And let who connects repeat the hash of a password once, not 4,096 times: thousands of connections are opened here.
    """
    with one_at_a_time(), psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        for setting, wanted in {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}.items():
            if connection.execute("SELECT current_setting(%s)", [setting]).fetchone() != (wanted,):
                change = sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(setting), sql.Literal(wanted))
                connection.execute(change)
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SET scram_iterations = 1")
        slow = "SELECT rolname FROM pg_authid WHERE rolname = ANY(%s) AND rolpassword NOT LIKE 'SCRAM-SHA-256$1:%%'"
        for (role,) in connection.execute(slow, [list(server.credentials())]).fetchall():
            password = sql.Literal(server.credentials()[role])
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), password))


cluster_home.mkdir(parents=True, exist_ok=True)
server.start()
hurry()
announce()
atexit.register(server.stop)
atexit.register(shutil.rmtree, home, ignore_errors=True)

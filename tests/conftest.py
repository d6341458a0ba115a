"""Which databases, and which people, does a test find?

The template (migrated, with the cast on stage) is made once per state of the schema; each test process clones it.
`django_db` tests run inside a transaction on `default` and `identity`. A test that needs second connections (other
roles, child processes, what survives a rollback) takes the `committed` fixture instead.
"""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Generator, Iterator
from unittest.mock import patch

import httpcore2
import psycopg
import pytest
from django.core.management import call_command
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]  # ships no types

from accounts.identity import hashing
from audit import services
from tests import cast, databases, environment
from tests.standing import for_the_module, standing
from tests.workos import insisting

__all__ = ["for_the_module", "standing"]

# Real hashes, of a real argon2id, made cheap: a test of what follows a right password need not spend 46 MiB on it.
# tests/accounts/identity/test_hashing.py asks for the real parameters.
hashing.BoundedArgon2Hasher.memory_cost = 64
hashing.BoundedArgon2Hasher.time_cost = 1


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: where one drives a browser or waits for a server, another has work."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected stays to the end, so the collector of garbage need not look through it ten thousand times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test that passed has logged is not shown, so it need not travel to the process that reports, three times over."""
    report = yield
    if report.passed:
        report.sections.clear()
    return report


def _databases_named(prefix: str) -> set[str]:
    with psycopg.connect(environment.server.superuser_url(), autocommit=True) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]).fetchall()
    return {str(name) for (name,) in rows}


def _rename(old: str, new: str) -> None:
    with psycopg.connect(environment.server.superuser_url(), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')


def _make_template(name: str) -> None:
    """Migrate empty databases, let the cast enter, and keep them as templates under a name that says they are whole."""
    for old in _databases_named("aiaxis_template_"):
        with psycopg.connect(environment.server.superuser_url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
    environment.server.make_database(environment.platform_database, "aiaxis_owner")
    environment.server.make_database(environment.identity_database, "aiaxis_identity", "template0")
    call_command("migrate", database="owner", verbosity=0)
    call_command("migrate", database="identity", verbosity=0)
    cast.enter()
    databases.leave()
    _rename(environment.identity_database, f"{name}_identity")
    _rename(environment.platform_database, name)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Give this test process its own clone of the template, on an embedded server that all of them share."""
    template = f"aiaxis_template_{environment.schema_digest()}"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        with environment.one_at_a_time():
            if template not in _databases_named(template):
                _make_template(template)
            environment.server.make_database(environment.platform_database, "aiaxis_owner", template)
            environment.server.make_database(environment.identity_database, "aiaxis_identity", f"{template}_identity")
        if insisting.is_on():
            insisting.insist()
        databases.remember()
        if not {"AIAXIS_TEST_POOLER", "DATABASE_POOL_SIZE"} & os.environ.keys():
            databases.pool()
        yield
        databases.leave()


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_listed_once() -> Iterator[None]:
    """Each client of a test makes the gates anew, and theirs would list every static file: 14 ms for what never changes."""
    listed = WhiteNoiseMiddleware(lambda request: None).files
    with patch.object(WhiteNoiseMiddleware, "add_files_from_finders", lambda gate: gate.files.update(listed)):
        yield


@pytest.fixture(scope="session", autouse=True)
def _authorities_are_read_once() -> Iterator[None]:
    """Each client of WorkOS reads the list of certificate authorities, for 30 ms, though the tests' WorkOS speaks no TLS."""
    with patch.object(httpcore2, "default_ssl_context", functools.cache(httpcore2.default_ssl_context)):
        yield


@pytest.fixture(autouse=True)
def _audit_database_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process leaves it alone for some seconds once it took no entry, and a test breaks it on purpose."""
    monkeypatch.setattr(services._database, "asked_again_at", float("-inf"))


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Let the test commit on any role's connection; afterwards empty every table and put the cast back."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        try:
            yield
        finally:
            databases.put_back()

"""A connection on which the schema can be sabotaged for the length of one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tests import databases, environment


@pytest.fixture
def superuser() -> Iterator[BaseDatabaseWrapper]:
    """The test's own database, as the superuser, in a transaction that never commits."""
    connection = connections["owner"].copy(alias="owner")
    connection.settings_dict = {
        **connection.settings_dict,
        "USER": "postgres",
        "PASSWORD": environment.server.places.superuser.read_text(),
        # Not one of the owner's, which a pool keeps.
        "OPTIONS": databases.options_without_pool("owner"),
    }
    kept = connections["owner"]
    connections["owner"] = connection
    try:
        with transaction.atomic(using="owner"):
            yield connection
            transaction.set_rollback(True, using="owner")
    finally:
        connection.close()
        connections["owner"] = kept

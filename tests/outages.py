"""How does a test make one of the databases silent?"""

from __future__ import annotations

import pytest
from django.db import connections

from tests import databases


def out_of_reach(alias: str, patched: pytest.MonkeyPatch) -> None:
    """Let nothing answer at the address of this database any more, until the patch is undone.

    It fails in the way the real driver does when the server is away. A connection that a pool keeps would answer still, so
    none is asked for one.
    """
    connection = connections[alias]
    connection.close()
    patched.setitem(connection.settings_dict, "HOST", "/nonexistent-socket")
    patched.setitem(connection.settings_dict, "OPTIONS", databases.options_without_pool(alias))

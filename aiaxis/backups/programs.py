"""With which programs are the two databases copied and brought back, and as whom?

PostgreSQL's own: those of the wheel, or of the PATH where there is no wheel. Each database as its owner, whose rights reach every
row; the password travels in the environment of the one process, never on a command line.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from aiaxis.postgres import binaries

ALIASES: Final = {"platform": "owner", "identity": "identity"}
"""Each database by the name of its file, and the login that owns it."""
# What libpq reads from the environment of what a URL can carry besides.
_OPTIONS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding")
# What a superuser closed in PostgreSQL's own catalogue is closed in the new database already, and only a superuser may do it.
_CLOSED: Final = re.compile(r"^\d+; \d+ \d+ ACL pg_catalog ")


class ProgramFailed(Exception):
    """PostgreSQL's program could not do it; the text is what it said."""


def dump(name: str, file: Path) -> None:
    """Write the database of this name into a file, as one consistent state. Raises ``ProgramFailed``."""
    _run("pg_dump", name, "--format=custom", "--no-comments", "--lock-wait-timeout=60s", "--file", str(file))


def restore(name: str, file: Path) -> None:
    """Fill the empty database of this name from a file, wholly or not at all. Raises ``ProgramFailed``."""
    database = str(settings.DATABASES[ALIASES[name]]["NAME"])
    with tempfile.NamedTemporaryFile("w") as chosen:
        chosen.write(
            "".join(
                f"{line}\n"
                for line in _run("pg_restore", name, "--list", str(file)).splitlines()
                if not _CLOSED.search(line)
            )
        )
        chosen.flush()
        whole = ("--no-owner", "--single-transaction", "--exit-on-error", "--use-list", chosen.name)
        _run("pg_restore", name, *whole, "--dbname", database, str(file))


def _run(program: str, name: str, *arguments: str) -> str:
    found = subprocess.run(
        [binaries.client(program), *arguments],
        env=_environment(settings.DATABASES[ALIASES[name]]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        said = found.stderr.strip()[-800:]
        raise ProgramFailed(f"{program} ended with {found.returncode} at the database {name}: {said}")
    return found.stdout


def _environment(database: dict[str, Any]) -> dict[str, str]:
    values = {
        "PGHOST": database["HOST"],
        "PGPORT": database["PORT"],
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
        "PGDATABASE": database["NAME"],
        **{f"PG{name.upper()}": database["OPTIONS"].get(name, "") for name in _OPTIONS},
    }
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"} | {
        name: str(value) for name, value in values.items() if value
    }

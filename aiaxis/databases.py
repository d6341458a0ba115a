"""How is PostgreSQL connected to, so that it is noticed when its machine is gone?

A server that stops says so. One whose machine lost its power or its network says nothing: left to the system's own clocks, whoever
waits for its answer waits for a quarter of an hour, and whoever listens to it for two hours, after another has long taken its place.
"""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# Half a minute at most. A URL may say otherwise; over a socket of this machine libpq takes no notice of them.
NOTICING: Final = {
    "keepalives_idle": "10",  # seconds
    "keepalives_interval": "5",  # seconds
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",  # milliseconds, of what was sent and not received
}
_OF_DJANGO: Final = {"dbname", "user", "password", "host", "port"}


def lasting(variable: str, url: str) -> str:
    """A URL as psycopg takes it, for a connection that is kept for long. ``variable`` is the setting that it came from."""
    return make_conninfo("", **{**NOTICING, **_parts(variable, url)})


def described(variable: str, url: str, *, role: str, database: str, pool_size: int) -> dict[str, Any]:
    """A database as Django takes it. ``variable`` is the setting that the URL came from."""
    parts = _parts(variable, url)
    options: dict[str, Any] = {**NOTICING, **{key: value for key, value in parts.items() if key not in _OF_DJANGO}}
    options.setdefault("connect_timeout", 5)
    if pool_size:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5, "max_idle": 300}
    return {
        "ENGINE": "accounts.tenancy.backend" if variable == "DATABASE_URL" else "django.db.backends.postgresql",
        "NAME": parts.get("dbname", database),
        "USER": parts.get("user", role),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": parts.get("port", ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": True,  # one would be lost behind PgBouncer in transaction mode
    }


def _parts(variable: str, url: str) -> dict[str, str]:
    try:
        return {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except ProgrammingError as error:
        raise ImproperlyConfigured(f"{variable} must be a postgresql:// URL: {error}") from error

"""How is a value of the environment read, so that a wrong one stops the start with its name and what it wants?

django-environ alone turns `DEBUG=ture` into off and `PORT=eighty` into a trace that names neither.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

SWITCHES = {"true", "on", "yes", "1", "false", "off", "no", "0"}
RATE = re.compile(r"[1-9]\d*/([1-9]\d*)?[smhd]")
KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


class Environment(environ.Env):  # type: ignore[misc]  # django-environ ships no types, so its class is Any
    """`environ.Env`, whose every refusal is an ImproperlyConfigured that names the variable."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        """Return the variable as the type asked for; an empty one counts as not set, as it does in `.env` files."""
        given = self.ENVIRON.get(var)
        if given == "" and default is not environ.Env.NOTSET:
            return default
        if cast is bool and given is not None and given.strip().lower() not in SWITCHES:
            raise ImproperlyConfigured(f"{var} must be true or false, and is {given!r}.")
        try:
            return super().get_value(var, cast, default, parse_default)
        except (ValueError, TypeError) as error:
            kind = KINDS.get(cast, "of another form")
            raise ImproperlyConfigured(f"{var} must be {kind}, and is {given!r}.") from error

    def whole(self, var: str, *, default: int, least: int, most: int) -> int:
        """Return a whole number between `least` and `most`, both allowed."""
        value = int(self.int(var, default=default))
        if not least <= value <= most:
            raise ImproperlyConfigured(f"{var} must be between {least} and {most}, and is {value}.")
        return value

    def networks(self, var: str) -> list[str]:
        """Return networks, given as networks or addresses with commas between them; none where it is not set."""
        networks = []
        for given in self.list(var, default=[]):
            value = str(given).strip()
            try:
                networks.append(str(ipaddress.ip_network(value, strict=False)))
            except ValueError as error:
                raise ImproperlyConfigured(
                    f"{var} must be addresses or networks such as 10.0.0.7,10.1.0.0/16, and names {value!r}."
                ) from error
        return networks

    def redis(self, var: str) -> dict[str, Any] | None:
        """Return Django's configuration of the Redis that the variable names; None where it is not set."""
        value = str(self.str(var, default=""))
        if not value:
            return None
        if urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            # Django's other caches count for one process only, or not exactly, and no limit would hold.
            raise ImproperlyConfigured(f"{var} must be the URL of a Redis, such as redis://cache.example:6379/0.")
        if importlib.util.find_spec("redis") is None:
            raise ImproperlyConfigured(
                f"{var} needs the Python package redis. Install it (pip install redis), or unset it."
            )
        return dict(self.cache_url(var))

    def mail(self, var: str, *, default: str) -> dict[str, Any]:
        """Return Django's configuration of the mail server that the variable names."""
        wanted = f"{var} must be a mail server's URL, such as smtp+tls://user:password@mail.example:587"
        try:
            found = dict(self.email_url(var, default=default))
        except (ImproperlyConfigured, ValueError):
            # Not quoted, nor chained: half of a mistyped one may be its password.
            raise ImproperlyConfigured(f"{wanted}. What it holds is none.") from None
        if "smtp" in found["EMAIL_BACKEND"] and not found.get("EMAIL_HOST"):
            raise ImproperlyConfigured(f"{wanted}. What it holds names no host.")
        return found

    def dsn(self, var: str) -> str:
        """Return the address of a Sentry project; empty where it is not set."""
        value = str(self.str(var, default=""))
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and parts.username and parts.hostname
        if value and not (sound and re.fullmatch(r"(/[\w.-]+)*/\d+", parts.path)):
            # Not quoted: half of a mistyped one may be its secret.
            raise ImproperlyConfigured(f"{var} must be a project's DSN, such as https://key@sentry.example/1.")
        return value

    def token(self, var: str) -> str:
        """Return a secret that somebody else presents to us; empty where it is not set."""
        value = str(self.str(var, default=""))
        if value and not re.fullmatch(r"[!-~]{32,}", value):
            # Not quoted: a secret that is too short is in use somewhere all the same.
            raise ImproperlyConfigured(f"{var} must be at least 32 visible ASCII characters without spaces.")
        return value

    def site(self, var: str, *, default: str) -> str:
        """Return the address of a site, without a path or a slash at its end."""
        value = str(self.str(var, default=default)).rstrip("/")
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.username:
            raise ImproperlyConfigured(f"{var} must be an address such as https://aiaxis.example, and is {value!r}.")
        return value

    def service(self, var: str, *, default: str) -> str:
        """Return the address of a service that secrets are sent to: https, or plain http on this machine."""
        value = self.site(var, default=default)
        parts = urlsplit(value)
        if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ImproperlyConfigured(f"{var} must begin with https://, since secrets travel there, and is {value!r}.")
        return value

    def choice(self, var: str, *, default: str, choices: tuple[str, ...]) -> str:
        """Return one of the words that are allowed."""
        value = str(self.str(var, default=default))
        if value not in choices:
            raise ImproperlyConfigured(f"{var} must be {' or '.join(choices)}, and is {value!r}.")
        return value

    def rate(self, var: str, *, default: str) -> str:
        """Return a rate such as "60/5m": so many, in so many seconds, minutes, hours or days."""
        value = str(self.str(var, default=default))
        if not RATE.fullmatch(value):
            raise ImproperlyConfigured(f"{var} must be a rate such as 60/5m or 1000/h, and is {value!r}.")
        return value

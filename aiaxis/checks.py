"""Is what an operator has set up for watching the installation safe to use where others can reach it? Asked by `check --deploy`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name for it

HERE: Final = ("127.0.0.1", "::1", "localhost")
SECRETS: Final = ("SECRET_KEY", "NOTIFY_KEY", "WORKOS_API_KEY", "WORKOS_WEBHOOK_SECRET")


def reports_travel_unread(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report a project of Sentry's that is reached without TLS. A DSN that is none stops the start (aiaxis/environment.py)."""
    parts = urlsplit(settings.SENTRY_DSN)
    if parts.scheme != "http" or parts.hostname in HERE:
        return []
    return [
        Warning(
            "SENTRY_DSN begins with http://, so that anybody on the way reads the reports and the project's key.",
            hint="Use the https:// address of the project.",
            id="aiaxis.W001",
        )
    ]


def the_token_is_one_of_its_own(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report a token of /metrics that is another secret too: it stands in the configuration of a program that is not ours."""
    same = [name for name in SECRETS if settings.METRICS_TOKEN and getattr(settings, name) == settings.METRICS_TOKEN]
    return [
        Error(f"METRICS_TOKEN is the same as {name}.", hint="Give the scraper a secret of its own.", id="aiaxis.E001")
        for name in same
    ]

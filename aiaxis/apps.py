"""What does the roof begin when a process has its settings?"""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from aiaxis import reports


class AiAxisConfig(AppConfig):
    """The roof: commands, static files, and reports of errors where a place for them is set."""

    name = "aiaxis"

    def ready(self) -> None:
        """Put the console's pages that take every floor in their place; begin reporting, unless nobody is to be told."""
        from aiaxis.console import pages  # noqa: F401 - importing it registers them; its models are loaded by now

        if settings.SENTRY_DSN:
            reports.begin(settings.SENTRY_DSN)

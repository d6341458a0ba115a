"""What does the roof begin when a process has its settings?"""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Tags, register

from accounts import answered
from aiaxis import accesses, checks, logs, reports


class AiAxisConfig(AppConfig):
    """The roof: commands, static files, and reports of errors where a place for them is set."""

    name = "aiaxis"

    def ready(self) -> None:
        """Put the console's pages that take every floor in their place; begin to write, to count and to report."""
        from aiaxis.console import pages  # noqa: F401 - importing it registers them; its models are loaded by now

        register(checks.reports_travel_unread, Tags.security, deploy=True)
        register(checks.the_token_is_one_of_its_own, Tags.security)
        if settings.LOG_FORMAT == "json":
            logs.begin()
        if settings.METRICS_TOKEN:
            # Its counts look into rooms whose models are loaded by now.
            from aiaxis.metrics import tallies

            answered.listen(tallies.told)
        if settings.ACCESS_LOG:
            answered.listen(accesses.write)
        if settings.SENTRY_DSN:
            reports.begin(settings.SENTRY_DSN)

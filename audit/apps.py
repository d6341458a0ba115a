"""Wiring of the `audit` app."""

from datetime import UTC, datetime
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _make_partitions(using: str, **kwargs: Any) -> None:
    from audit import partitions  # models are not loaded when this module is

    if using == "owner":
        partitions.ensure(using, datetime.now(UTC).date())


class AuditConfig(AppConfig):
    """The floor that listens: it hears the others' signals, and nobody imports it but the roof."""

    name = "audit"

    def ready(self) -> None:
        """Hear the signals, and keep the coming months' pieces of the trail made after every migration."""
        from audit import admin, receivers  # noqa: F401 - importing them registers the pages and connects the receivers
        from audit.checks import pages as check_pages  # noqa: F401 - as above
        from audit.notices import pages  # noqa: F401 - as above

        post_migrate.connect(_make_partitions, sender=self, dispatch_uid="audit.partitions")

"""Wiring of the `accounts` app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db import connections
from django.db.models.signals import post_migrate


def _grant(using: str, **kwargs: Any) -> None:
    from accounts import grants
    from accounts.tenancy import statistics

    if using == "owner":
        grants.apply(connections[using])
        statistics.apply(connections[using])


class AccountsConfig(AppConfig):
    """The ground floor."""

    name = "accounts"

    def ready(self) -> None:
        """Register the system checks and the letters, and make grants and statistics what they must be after every migration."""
        from accounts import (  # both need the models, which are loaded by now
            checks,
            receivers,  # noqa: F401 - importing connects
        )
        from accounts.glass import pages  # noqa: F401 - importing registers the operators' pages
        from accounts.identity import providers

        register(checks.models_are_fenced, Tags.security)
        register(checks.breach_list_is_usable, Tags.security)
        register(checks.workos_is_whole, Tags.security)
        if providers.has_workos():
            # Its SDK takes a second to load: now, once for all processes, and not while the first person waits.
            providers.workos()
        post_migrate.connect(_grant, sender=self, dispatch_uid="accounts.grants")

"""Which database role does Django use for which model, and where are tables made?"""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Model

# Lockout counters stand with the identity store, so that SQL injected into the platform cannot clear them.
IDENTITY_APPS: Final = frozenset({"identity_store", "axes"})


class RoleRouter:
    """The identity store's tables in its own database; everything else on `default`, made by `owner`."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """Return the alias to read this model from."""
        return "identity" if model._meta.app_label in IDENTITY_APPS else "default"

    db_for_write = db_for_read

    def allow_relation(self, first: Model, second: Model, **hints: Any) -> bool:
        """Allow relations inside one database only."""
        return (first._meta.app_label in IDENTITY_APPS) == (second._meta.app_label in IDENTITY_APPS)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Make tables as `owner` (platform) and as `identity` (its own), never as a role that serves requests."""
        return db == ("identity" if app_label in IDENTITY_APPS else "owner")

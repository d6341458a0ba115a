"""How Django knows the local identity store."""

from __future__ import annotations

from django.apps import AppConfig


class IdentityStoreConfig(AppConfig):
    """The store's app: its label names its tables and its migrations."""

    name = "accounts.identity.store"
    label = "identity_store"
    verbose_name = "Identity store"

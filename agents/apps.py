"""Wiring of the `agents` app."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """The `agents` app."""

    name = "agents"

    def ready(self) -> None:
        """Connect what follows when a member goes."""
        from agents import admin, receivers  # noqa: F401 - models are loaded only now, and importing connects and registers

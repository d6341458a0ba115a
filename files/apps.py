"""Wiring of the `files` app."""

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """The `files` app."""

    name = "files"

    def ready(self) -> None:
        """Register the jobs, and connect them to the facts that they follow."""
        from files import admin, receivers  # noqa: F401 - models are loaded only now, and importing connects and registers

"""Wiring of the `conversations` app."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """The `conversations` app."""

    name = "conversations"

    def ready(self) -> None:
        """Register the job, and connect it to the fact that it follows."""
        from conversations import admin, receivers  # noqa: F401 - models are loaded only now, and importing connects and registers
        from conversations.keeping import receivers as _  # noqa: F401 - the same
        from conversations.sharing import receivers as __  # noqa: F401 - the same

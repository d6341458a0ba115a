"""Wiring of the `files` app."""

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """The `files` app."""

    name = "files"

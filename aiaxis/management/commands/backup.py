"""`manage.py backup FOLDER`: copy the installation, while people work on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from aiaxis.backups import making
from aiaxis.backups.making import Refused
from aiaxis.backups.programs import ProgramFailed
from aiaxis.postgres import ServerError
from audit.services import Unrecorded


class Command(BaseCommand):
    """Copies both databases, files, checkpoints and archives into a new folder."""

    help = (
        "Copy the running installation into a new folder: both databases, files, checkpoints and archives of the trail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder, and whether the keys lie beside what they open."""
        parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
        parser.add_argument(
            "--with-secrets",
            action="store_true",
            help="put secrets.json in as well; whoever finds the copy can open it then",
        )

    def handle(self, *args: Any, folder: Path, with_secrets: bool = False, **options: Any) -> None:
        """Copy, say what is in it and what is not. Raises ``CommandError`` when it is not whole."""
        try:
            note = making.make(folder.absolute(), with_secrets=with_secrets)
        except Unrecorded:
            raise CommandError("Nothing was copied, because it could not be recorded in the trail.") from None
        except (Refused, ProgramFailed, ServerError, OSError, Error) as error:
            raise CommandError(f"There is no whole copy: {error}") from error
        self.stdout.write(f"{folder}: both databases, {note.files} files, {note.sealed} sealed entries of the trail.")
        if not note.has_files:
            self.stdout.write("Files lie in an object store: have that copied by its own means, after this.")
        if not with_secrets or not settings.EMBEDDED:
            self.stdout.write("The keys are not in it. Keep them elsewhere: without them nothing of it can be opened.")

"""`manage.py restore FOLDER`: bring an installation back from a copy, into empty databases and a new home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections

from aiaxis.backups import restoring
from aiaxis.backups.making import Refused
from aiaxis.backups.programs import ProgramFailed
from aiaxis.postgres import EmbeddedServer, ServerError


class Command(BaseCommand):
    """Brings both databases, files, checkpoints and archives back, ends sessions, and says what may not be as it was."""

    help = "Bring an installation back from a copy that `manage.py backup` made. Nothing is ever written over."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder."""
        parser.add_argument("folder", type=Path, help="a folder that `manage.py backup` made")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Bring it back and say what to do next. Raises ``CommandError`` when it could not be done."""
        server = EmbeddedServer(settings.AIAXIS_HOME) if settings.EMBEDDED else None
        try:
            if server:
                server.start()
            done = restoring.restore(folder.absolute())
        except (Refused, ProgramFailed, ServerError, OSError, Error) as error:
            raise CommandError(f"It was not brought back: {error}") from error
        finally:
            connections.close_all()
            if server:
                server.stop()
        self._tell(done)

    def _tell(self, done: restoring.Restored) -> None:
        self.stdout.write(
            f"Brought back as it was at {done.note.made_at}: {done.files} files, {done.note.sealed} sealed entries."
        )
        self.stdout.write(f"Sessions that were alive then and are ended now: {done.sessions}. Everybody signs in anew.")
        self.stdout.write("API keys and members that were withdrawn after that moment are back: withdraw them again.")
        if done.left:
            self.stdout.write(
                "Files lie in an object store here, and in the copy's folder storage: copy them to the bucket, under the same names."
            )
        if done.missing is None:
            self.stdout.write("The place where files are kept does not answer: run manage.py check_files when it does.")
        elif done.missing:
            self.stdout.write(
                f"Files of which there is a row and no bytes: {done.missing}. manage.py check_files says which."
            )
        if done.newer_checkpoints:
            self.stdout.write(
                "This home holds checkpoints of a longer trail: verify_audit will say that the end of the trail is gone, and it "
                "is. Keep seals/checkpoints.txt as evidence under another name before the worker goes on."
            )
        self.stdout.write("Next: manage.py check_files, prove_isolation --attack, verify_audit, then manage.py serve.")

"""``manage.py check_files [--json] [--unnamed]``: does every file have its bytes, and are there bytes of no file?

Exits with 1 when a file has none. Nothing is changed.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from aiaxis.backups import comparing
from files.storage import StorageUnavailable


class Command(BaseCommand):
    """Compares the rows of all workspaces with what lies in the folder or the bucket, and tells by ids and keys alone."""

    help = "Find files of which there is a row and no bytes, and bytes that no row names. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the form of the answer."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--unnamed", action="store_true", help="print the keys of bytes that no row names, one a line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare and tell. Raises ``CommandError`` when it cannot be seen."""
        try:
            found = comparing.compare()
        except (StorageUnavailable, Error) as error:
            raise CommandError(f"It could not be seen which files have their bytes: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found)))
        elif options["unnamed"]:
            self.stdout.write("".join(f"{key}\n" for key in found.unnamed), ending="")
        else:
            self._tell(found)
        if found.missing:
            sys.exit(1)

    def _tell(self, found: comparing.Compared) -> None:
        self.stdout.write(f"Files with their bytes: {found.whole}.")
        self.stdout.write(f"Files of which there is a row and no bytes: {len(found.missing)}.")
        for row in found.missing:
            self.stdout.write(f"  workspace {row.workspace}  file {row.file}  bytes {row.key}")
        self.stdout.write(f"Bytes that no row names: {len(found.unnamed)}. --unnamed prints their keys.")

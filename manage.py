#!/usr/bin/env python
"""Django's command line for AiAxis, with a database under it.

Where no DATABASE_URL is set, a command that needs the database brings the embedded PostgreSQL up with it, or shares the
one that runs, and stops it in the end when it was the last to use it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

# These ask no database, or see to it themselves (serve).
WITHOUT_DATABASE = {
    "check",
    "collectstatic",
    "diffsettings",
    "findstatic",
    "help",
    "makemigrations",
    "serve",
    "version",
}


def main(arguments: list[str]) -> int:
    """Run one command; return an exit code. What a person can mend is one sentence and not a trace."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiaxis.settings")
    if "serve" in arguments[1:2]:
        # Connections per role and process. Four roles serve requests, in two processes by default: with the worker that is
        # below the 320 connections of the embedded server, and a request that waits for one waits for milliseconds.
        os.environ.setdefault("DATABASE_POOL_SIZE", "24")
    from django.conf import settings  # after the variable above, which it reads
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from aiaxis.home import HomeError
    from aiaxis.postgres import EmbeddedServer, ServerError

    command = next((argument for argument in arguments[1:] if not argument.startswith("-")), "help")
    if command == "makemigrations":
        # It compares with the database where one answers, and models with migrations where none does.
        warnings.filterwarnings("ignore", "Got an error checking a consistent migration history")
    try:
        embedded = settings.EMBEDDED and command not in WITHOUT_DATABASE and "--help" not in arguments
        server = EmbeddedServer(settings.AIAXIS_HOME) if embedded else contextlib.nullcontext()
        with server:
            execute_from_command_line(arguments)
    except (ImproperlyConfigured, HomeError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

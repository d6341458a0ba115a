"""`manage.py add_person`: let the first people in, at the server's own terminal."""

from __future__ import annotations

import getpass
import secrets
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.identity.passwords import WeakPassword
from accounts.models import Role, User
from accounts.services import people


class Command(BaseCommand):
    """Adds a member of a workspace, or an operator, with a password that is typed, or made and printed once."""

    help = "Add a person: a member of a workspace (made if it is new), or with --operator somebody who runs the installation."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take who, where and as what."""
        parser.add_argument("email")
        parser.add_argument("--name", required=True, help="as others see it")
        parser.add_argument("--workspace", help="its whole name; made if there is none of that name")
        parser.add_argument("--role", choices=Role.values, default=Role.OWNER.value)
        parser.add_argument("--operator", action="store_true", help="instead of a workspace: runs the installation")
        parser.add_argument("--ask", action="store_true", help="ask for the password instead of making one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Add the person, and print the password if it was made here."""
        if bool(options["workspace"]) == options["operator"]:
            raise CommandError("Say either --workspace NAME or --operator.")
        password = _asked() if options["ask"] else "-".join(secrets.token_hex(3) for _ in range(5))
        try:
            User._meta.get_field("email").run_validators(options["email"])
            added = _add(options, password)
        except ValidationError as error:
            raise CommandError(f"{options['email']} is not an e-mail address.") from error
        except (people.AlreadyThere, people.UnfitName, WeakPassword) as error:
            raise CommandError(str(error)) from error
        became = f"{options['email']} is {_what(options, added)} now"
        if not added.has_new_password:
            self.stdout.write(f"{became}, and signs in with the password of before.")
        elif options["ask"]:
            self.stdout.write(f"{became}.")
        else:
            self.stdout.write(f"{became}. Password, shown this once: {password}")


def _add(options: dict[str, Any], password: str) -> people.Added:
    who = {"email": options["email"], "name": options["name"], "password": password}
    if options["operator"]:
        return people.add_operator(**who)
    return people.add_member(**who, workspace=options["workspace"], role=Role(options["role"]))


def _what(options: dict[str, Any], added: people.Added) -> str:
    # With the place, and whether it was there: a slip in its name is seen at once.
    if options["operator"]:
        return "an operator"
    return f"{options['role']} of the {'new' if added.made_workspace else 'existing'} workspace {options['workspace']}"


def _asked() -> str:
    # Piped in by a script, or typed where nobody sees it; never an argument, which every process list shows.
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")

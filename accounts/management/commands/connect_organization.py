"""`manage.py connect_organization`: tell a workspace which organisation's sign-in it trusts, at the server's own terminal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services import people


class Command(BaseCommand):
    """Does at a terminal what an owner does on the page Single sign-on: for a company whose first people come by it."""

    help = "Connect a workspace to an organisation at WorkOS, with the domains whose people it speaks for."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which workspace, which organisation, and its domains."""
        parser.add_argument("workspace", help="its name")
        parser.add_argument("organization", help="its id at WorkOS, org_…")
        parser.add_argument(
            "--domain", action="append", default=[], help="a domain that is the organisation's own; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Connect them."""
        try:
            people.connect_organization(
                workspace=options["workspace"], organization=options["organization"], domains=options["domain"]
            )
        except people.NotConnected as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['workspace']} trusts the sign-in of {options['organization']} from now on.")

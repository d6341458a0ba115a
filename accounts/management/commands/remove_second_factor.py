"""`manage.py remove_second_factor`: help somebody who lost their phone and every recovery code, at the server's own terminal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.identity.second_factors import NotBegun
from accounts.services import second_factors


class Command(BaseCommand):
    """Switches a person's second factor off and ends their sessions. Make sure first that it is they who ask."""

    help = "Remove the second factor of a person who lost it; their sessions end, they are told by mail, the trail says so."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address that the person signs in with."""
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        """Remove it, and say how the person comes in now."""
        try:
            keeps_password = second_factors.remove_at_terminal(email=email)
        except NotBegun as error:
            raise CommandError(f"The identity store knows no second factor of {email}.") from error
        how = (
            "signs in with the password alone"
            if keeps_password
            else "sets a new password first, at /sign-in/forgotten/"
        )
        self.stdout.write(f"The second factor of {email} is off, and every session is over. The person {how}.")

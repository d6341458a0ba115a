"""`manage.py demo_code`: what an authenticator app would show for the demo's operator, where nobody has set one up."""

from __future__ import annotations

import time
from typing import Any

import pyotp
from django.core.management import BaseCommand
from django.core.management.base import CommandError, CommandParser

from accounts.identity.second_factors import STEP_SECONDS
from aiaxis.demo import sign_ins


class Command(BaseCommand):
    """Prints the code of the moment. It knows the demo's own operators only, from the file that the demo wrote."""

    help = "Print the code that opens the console for the demo's operator."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the operator's address; without one, the first of the demo."""
        parser.add_argument("email", nargs="?", default="")

    def handle(self, *args: Any, email: str = "", **options: Any) -> None:
        """Say the code, and for how long it is good."""
        known = sign_ins.known()
        operators = known["operators"] if known else []
        found = next((one for one in operators if email in ("", one["email"])), None)
        if found is None or not found.get("totp_secret"):
            raise CommandError(
                f"There is no demo operator{f' {email}' if email else ''} here. Load the demo: make run."
            )
        left = STEP_SECONDS - int(time.time()) % STEP_SECONDS
        self.stdout.write(f"{pyotp.TOTP(found['totp_secret']).now()}   for {found['email']}, {left} seconds more")

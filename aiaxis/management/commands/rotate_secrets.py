"""`manage.py rotate_secrets`: after a new key was put in front of an older one, bring what is encrypted under the new one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.identity.rotation import rotate as identity
from agents.vendors.rotation import rotate as vendors
from audit.notices.rotation import rotate as notices


class Command(BaseCommand):
    """Encrypts anew, under the newest key of each setting, whatever lies under an older one. Safe to repeat and to interrupt."""

    help = "Bring everything that is encrypted under the newest IDENTITY_KEY, NOTIFY_KEY and MODEL_KEY, so that older ones can go."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate each kind, print what became of it, and fail if something could not be opened."""
        done = [rotate() for rotate in (identity, notices, vendors)]
        for one in done:
            numbers = f"{one.renewed} encrypted anew, {one.kept} already so, {one.closed} cannot be opened"
            self.stdout.write(f"{one.what} ({one.setting}): {numbers}.")
        closed = [one for one in done if one.closed]
        if closed:
            names = ", ".join(one.setting for one in closed)
            raise CommandError(
                f"Some of it lies under a key that {names} does not name, or was changed. Put that key behind the newest, and "
                "run this again, before you take any key away."
            )
        self.stdout.write("Every older key can be taken out of the settings now.")

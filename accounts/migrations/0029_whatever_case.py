"""Somebody who is a member is one in whatever case their address is written: people who change theirs keep it as they typed it."""

from importlib import import_module

from django.db import migrations

# What was before; a module whose name begins with a digit is imported by name.
_BEFORE = import_module("accounts.migrations.0009_invitations").SEND_INVITATION.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
SEND_INVITATION = _BEFORE.replace("m.email = lower(address)", "lower(m.email) = lower(address)")


class Migration(migrations.Migration):
    """Put the new function in the place of the old."""

    dependencies = [("accounts", "0028_taken_back")]
    operations = [migrations.RunSQL(SEND_INVITATION, _BEFORE)]

"""The page of an invitation knows whether its workspace insists on single sign-on, and on whose."""

from importlib import import_module

from django.db import migrations

# What an invitation is made of; a module whose name begins with a digit is imported by name.
_INVITATIONS = import_module("accounts.migrations.0009_invitations")
DEFINER, HINDRANCE, ROW = _INVITATIONS.DEFINER, _INVITATIONS.HINDRANCE, _INVITATIONS.ROW
WHOLE_TOKEN, HASHED, BEFORE = _INVITATIONS.WHOLE_TOKEN, _INVITATIONS.HASHED, _INVITATIONS.INVITATION_OF

INVITATION_OF = f"""
CREATE FUNCTION fence.invitation_of(token text) RETURNS TABLE (
    refusal text, workspace_name text, sender_name text, email text, role text, expires_at timestamptz,
    requires_sso boolean, organization_id text
) LANGUAGE sql STABLE {DEFINER} ROWS 1 AS $fence$
    SELECT {HINDRANCE}, w.name, s.display_name, i.email, i.role, i.expires_at, w.requires_sso, w.organization_id
    FROM {ROW}
    WHERE {WHOLE_TOKEN} AND i.token_hash = {HASHED} LIMIT 1
$fence$
"""


def _instead(definition: str) -> str:
    drop, close = "DROP FUNCTION fence.invitation_of(text)", "REVOKE ALL ON FUNCTION fence.invitation_of(text) FROM PUBLIC"
    return f"{drop}; {definition}; {close}"


class Migration(migrations.Migration):
    """Put the new function in the place of the old."""

    dependencies = [("accounts", "0021_repeat")]
    operations = [migrations.RunSQL(_instead(INVITATION_OF), _instead(BEFORE))]

"""Who comes back has no session, key or invitation from before: whatever it was that kept them out, and whatever was under way then.

An administrator's act ended them already (0008); a directory's did not, so that they came to life again with the membership. And a
session or key that was on its way while its member was kept out was stored after everything had been ended.
"""

from importlib import import_module

from django.db import migrations

# What was before; a module whose name begins with a digit is imported by name.
_PEOPLE = import_module("accounts.migrations.0008_people")
_INVITATIONS = import_module("accounts.migrations.0009_invitations")
_DIRECTORY = import_module("accounts.migrations.0006_directory")

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# As before, and what ended by it is named, so that the identity systems can be told as well.
_RETURNS = "RETURNS TABLE (status_before text, status_after text, role_before text, role_after text"
_LAST_WORD = """    END IF;
    RETURN NEXT;"""
_ENDS = """    END IF;
    IF status_after <> 'active' AND status_after <> status_before THEN
        ended := fence.end_access(member.id);
    END IF;
    RETURN NEXT;"""


def _changed(definition: str, *changes: tuple[str, str]) -> str:
    for before, after in changes:
        if definition.count(before) != 1:
            raise ValueError(f"{before!r} does not stand there once")
        definition = definition.replace(before, after)
    return definition


FOLLOW_DIRECTORY = _changed(_DIRECTORY.FOLLOW_DIRECTORY, (_RETURNS, f"{_RETURNS}, ended jsonb"), (_LAST_WORD, _ENDS))

SET_MEMBER_STATUS = _changed(
    _PEOPLE.SET_MEMBER_STATUS,
    ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
    (
        """    IF wanted = 'active' THEN
        RETURN '{}'::jsonb;
    END IF;
""",
        "",
    ),
)

# No workspace is bound while somebody accepts an invitation, so `end_access` cannot be asked.
ADMITTED = _changed(
    _INVITATIONS.ADMITTED,
    ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
    (
        "        -- Whoever comes back is the same member: what they left behind is theirs again.\n",
        """        -- Whoever comes back is the same member: what they left behind is theirs again, but for what lets anybody in.
        UPDATE public.accounts_session SET revoked_at = now()
        WHERE workspace_id = place AND membership_id = member.id AND revoked_at IS NULL;
        UPDATE public.accounts_apikey SET revoked_at = now()
        WHERE workspace_id = place AND membership_id = member.id AND revoked_at IS NULL;
        UPDATE public.accounts_invitation SET revoked_at = now()
        WHERE workspace_id = place AND invited_by_id = member.id AND accepted_at IS NULL AND revoked_at IS NULL;
""",
    ),
)


def _instead(definition: str) -> str:
    signature = "fence.follow_directory(text)"
    return f"DROP FUNCTION {signature}; {definition}; REVOKE ALL ON FUNCTION {signature} FROM PUBLIC"


def _again(definition: str) -> str:
    return definition.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    """Put the new functions in the place of the old."""

    dependencies = [("accounts", "0023_fewest_jobs")]
    operations = [
        migrations.RunSQL(_instead(FOLLOW_DIRECTORY), _instead(_DIRECTORY.FOLLOW_DIRECTORY)),
        migrations.RunSQL(SET_MEMBER_STATUS, _again(_PEOPLE.SET_MEMBER_STATUS)),
        migrations.RunSQL(ADMITTED, _again(_INVITATIONS.ADMITTED)),
    ]

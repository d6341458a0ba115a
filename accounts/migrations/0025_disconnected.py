"""Who trusts an organisation's sign-in no longer does not go on trusting what it opened: sessions and API keys that it vouches for end.

Otherwise they went on until their own end, and where the workspace was connected to another organisation and insisted on its sign-in,
those of the one before passed for it. The session in which the owner disconnects it stays: without a password of their own they
could not come back to connect another one.
"""

from importlib import import_module

from django.db import migrations

# What was before; a module whose name begins with a digit is imported by name.
_BEFORE = import_module("accounts.migrations.0011_sign_in_rules")

_OLD, _NEW = "fence.disconnect_organization()", "fence.disconnect_organization(uuid)"
_LAST = """    DELETE FROM public.accounts_domain WHERE workspace_id = actor.workspace_id;
    RETURN '{}'::jsonb;
"""
# Names the identity system's halves of what ended, as `fence.end_access` does.
_ENDS = """    DELETE FROM public.accounts_domain WHERE workspace_id = actor.workspace_id;
    WITH ended_sessions AS (
        UPDATE public.accounts_session s SET revoked_at = now()
        WHERE s.workspace_id = actor.workspace_id AND s.provider <> 'local' AND s.revoked_at IS NULL
        AND s.id IS DISTINCT FROM kept
        RETURNING s.provider, s.identity_session
    ), ended_keys AS (
        UPDATE public.accounts_apikey k SET revoked_at = now()
        WHERE k.workspace_id = actor.workspace_id AND k.provider <> 'local' AND k.revoked_at IS NULL
        RETURNING k.provider, k.identity_key
    )
    SELECT jsonb_build_object(
        'sessions', coalesce((SELECT jsonb_agg(jsonb_build_array(s.provider, s.identity_session)) FROM ended_sessions s), '[]'),
        'keys', coalesce((SELECT jsonb_agg(jsonb_build_array(k.provider, k.identity_key)) FROM ended_keys k), '[]')
    ) INTO ended;
    RETURN ended;
"""
_DECLARED = "    actor public.accounts_membership := fence.acting_member();\n"

DISCONNECT_ORGANIZATION = (
    _BEFORE.DISCONNECT_ORGANIZATION.replace(_OLD, "fence.disconnect_organization(kept uuid)")
    .replace(_DECLARED, f"{_DECLARED}    ended jsonb;\n")
    .replace(_LAST, _ENDS)
)


class Migration(migrations.Migration):
    """Put the new function in the place of the old."""

    dependencies = [("accounts", "0024_coming_back")]
    operations = [
        migrations.RunSQL(
            f"DROP FUNCTION {_OLD}; {DISCONNECT_ORGANIZATION}; REVOKE ALL ON FUNCTION {_NEW} FROM PUBLIC",
            f"DROP FUNCTION {_NEW}; {_BEFORE.DISCONNECT_ORGANIZATION}; REVOKE ALL ON FUNCTION {_OLD} FROM PUBLIC",
        )
    ]

"""What ended because a workspace began to insist on single sign-on stays ended when it insists no longer.

Sessions and keys of another kind are refused while it insists, and were not withdrawn: with the rule they came to life again, a key
that had leaked long before with them. They are withdrawn at the moment at which nothing else would refuse them any more.
"""

from importlib import import_module

from django.db import migrations

# What was before; a module whose name begins with a digit is imported by name.
_RULES = import_module("accounts.migrations.0011_sign_in_rules")
_DISCONNECTED = import_module("accounts.migrations.0025_disconnected")

# Names the identity system's halves of what ended, as `fence.end_access` does.
END_CREDENTIALS = """
CREATE FUNCTION fence.end_credentials(place uuid, kept uuid, of_vendor boolean, of_others boolean) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $fence$
    WITH ended_sessions AS (
        UPDATE public.accounts_session s SET revoked_at = now()
        WHERE s.workspace_id = place AND s.revoked_at IS NULL AND s.id IS DISTINCT FROM kept
        AND ((of_vendor AND s.provider <> 'local') OR (of_others AND s.method <> 'sso'))
        RETURNING s.provider, s.identity_session
    ), ended_keys AS (
        UPDATE public.accounts_apikey k SET revoked_at = now()
        WHERE k.workspace_id = place AND k.revoked_at IS NULL
        AND ((of_vendor AND k.provider <> 'local') OR (of_others AND k.method <> 'sso'))
        RETURNING k.provider, k.identity_key
    )
    SELECT jsonb_build_object(
        'sessions', coalesce((SELECT jsonb_agg(jsonb_build_array(s.provider, s.identity_session)) FROM ended_sessions s), '[]'),
        'keys', coalesce((SELECT jsonb_agg(jsonb_build_array(k.provider, k.identity_key)) FROM ended_keys k), '[]')
    )
$fence$
"""

_ANSWER = "    RETURN jsonb_build_object('insisted', before.requires_sso, 'joined_as', before.joins_as);\n"
_RULES_BEFORE = _RULES.SET_SIGN_IN_RULES.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
SET_SIGN_IN_RULES = _RULES_BEFORE.replace(
    _ANSWER,
    f"""    IF before.requires_sso AND NOT insists THEN
        RETURN fence.end_credentials(actor.workspace_id, NULL, false, true);
    END IF;
{_ANSWER}""",
)

DISCONNECT_ORGANIZATION = """
CREATE OR REPLACE FUNCTION fence.disconnect_organization(kept uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    actor public.accounts_membership := fence.acting_member();
    insisted boolean;
BEGIN
    IF actor.role IS DISTINCT FROM 'owner' THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    SELECT w.requires_sso INTO insisted FROM public.accounts_workspace w
    WHERE w.id = actor.workspace_id AND w.organization_id IS NOT NULL;
    IF insisted IS NULL THEN
        RETURN jsonb_build_object('refusal', 'not_connected');
    END IF;
    UPDATE public.accounts_workspace SET organization_id = NULL, requires_sso = false, joins_as = ''
    WHERE id = actor.workspace_id;
    DELETE FROM public.accounts_domain WHERE workspace_id = actor.workspace_id;
    RETURN fence.end_credentials(actor.workspace_id, kept, true, insisted);
END
$fence$
"""
_DISCONNECT_BEFORE = _DISCONNECTED.DISCONNECT_ORGANIZATION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
_SIGNATURE = "fence.end_credentials(uuid, uuid, boolean, boolean)"


class Migration(migrations.Migration):
    """Put the new functions in the place of the old."""

    dependencies = [("accounts", "0027_key_method")]
    operations = [
        migrations.RunSQL(
            f"{END_CREDENTIALS}; REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC", f"DROP FUNCTION {_SIGNATURE}"
        ),
        migrations.RunSQL(SET_SIGN_IN_RULES, _RULES_BEFORE),
        migrations.RunSQL(DISCONNECT_ORGANIZATION, _DISCONNECT_BEFORE),
    ]

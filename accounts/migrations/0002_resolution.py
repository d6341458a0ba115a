"""The few questions that must be asked before a workspace is bound, as functions with the owner's rights.

Each is keyed by something nobody can guess (the hash of a 256-bit credential, an identity system's own subject) and
returns at most what one credential, or one person, is entitled to. Who may call them: `accounts/grants.py`.
"""

from django.db import migrations

# Both credentials answer in one shape, so that one Python function can turn either into a tenant.
ANSWER = """RETURNS TABLE (
    refusal text, credential_id uuid, provider text, subject text, identity_reference text, method text, scopes text[],
    signed_in_at timestamptz, last_seen_at timestamptz, expires_at timestamptz, membership_id uuid, role text,
    display_name text, email text, user_id uuid, workspace_id uuid, workspace_name text
) LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp"""

LIVENESS = """
        WHEN NOT u.is_active THEN 'user_inactive'
        WHEN m.status <> 'active' THEN 'membership_inactive'
        WHEN w.status <> 'active' THEN 'workspace_inactive'
        WHEN NOT EXISTS (
            SELECT 1 FROM public.accounts_identitylink l
            WHERE l.user_id = u.id AND l.provider = c.provider AND l.subject = c.subject
        ) THEN 'identity_unlinked'"""

PEOPLE = """
    JOIN public.accounts_membership m ON m.workspace_id = c.workspace_id AND m.id = c.membership_id
    JOIN public.accounts_user u ON u.id = m.user_id
    JOIN public.accounts_workspace w ON w.id = c.workspace_id"""

RESOLVE_SESSION = f"""
CREATE FUNCTION fence.resolve_session(hash bytea) {ANSWER} AS $fence$
    SELECT CASE
        WHEN c.revoked_at IS NOT NULL THEN 'session_revoked'
        WHEN c.expires_at <= now() OR c.idle_until <= now() THEN 'session_expired' {LIVENESS}
        END, c.id, c.provider, c.subject, c.identity_session, c.method, NULL::text[],
        c.signed_in_at, c.last_seen_at, c.expires_at, m.id, m.role, m.display_name, m.email, u.id, w.id, w.name
    FROM public.accounts_session c {PEOPLE}
    WHERE c.token_hash = hash LIMIT 1
$fence$
"""

RESOLVE_KEY = f"""
CREATE FUNCTION fence.resolve_key(hash bytea) {ANSWER} AS $fence$
    SELECT CASE
        WHEN c.revoked_at IS NOT NULL THEN 'key_revoked'
        WHEN c.expires_at <= now() THEN 'key_expired' {LIVENESS}
        END, c.id, c.provider, c.subject, c.identity_key, 'key', c.scopes::text[],
        c.created_at, c.last_used_at, c.expires_at, m.id, m.role, m.display_name, m.email, u.id, w.id, w.name
    FROM public.accounts_apikey c {PEOPLE}
    WHERE c.key_hash = hash LIMIT 1
$fence$
"""

MEMBERSHIPS_OF = """
CREATE FUNCTION fence.memberships_of(identity_provider text, identity_subject text)
RETURNS TABLE (user_id uuid, membership_id uuid, workspace_id uuid, workspace_name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
    SELECT u.id, m.id, w.id, w.name, m.role
    FROM public.accounts_identitylink l
    JOIN public.accounts_user u ON u.id = l.user_id AND u.is_active
    JOIN public.accounts_membership m ON m.user_id = u.id AND m.status = 'active'
    JOIN public.accounts_workspace w ON w.id = m.workspace_id AND w.status = 'active'
    WHERE l.provider = identity_provider AND l.subject = identity_subject
    ORDER BY w.name, w.id
$fence$
"""

OPERATOR_OF = """
CREATE FUNCTION fence.operator_of(identity_provider text, identity_subject text)
RETURNS TABLE (user_id uuid, display_name text, email text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $fence$
    SELECT u.id, u.display_name, u.email
    FROM public.accounts_identitylink l JOIN public.accounts_user u ON u.id = l.user_id
    WHERE l.provider = identity_provider AND l.subject = identity_subject AND u.is_active AND u.is_operator
$fence$
"""

RESOLVE_OPERATOR = """
CREATE FUNCTION fence.resolve_operator(hash bytea)
RETURNS TABLE (
    refusal text, session_id uuid, provider text, subject text, identity_reference text, method text,
    signed_in_at timestamptz, expires_at timestamptz, user_id uuid, display_name text, email text
) LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $fence$
    SELECT CASE
        WHEN c.revoked_at IS NOT NULL THEN 'session_revoked'
        WHEN c.expires_at <= now() THEN 'session_expired'
        WHEN NOT u.is_active THEN 'user_inactive'
        WHEN NOT u.is_operator THEN 'not_an_operator'
        WHEN NOT EXISTS (
            SELECT 1 FROM public.accounts_identitylink l
            WHERE l.user_id = u.id AND l.provider = c.provider AND l.subject = c.subject
        ) THEN 'identity_unlinked'
        END, c.id, c.provider, c.subject, c.identity_session, c.method, c.signed_in_at, c.expires_at,
        u.id, u.display_name, u.email
    FROM public.accounts_operatorsession c JOIN public.accounts_user u ON u.id = c.user_id
    WHERE c.token_hash = hash LIMIT 1
$fence$
"""

CLOSE_OPERATOR_SESSION = """
CREATE FUNCTION fence.close_operator_session(hash bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
    UPDATE public.accounts_operatorsession SET revoked_at = now() WHERE token_hash = hash AND revoked_at IS NULL
$fence$
"""

FUNCTIONS = {
    "resolve_session(bytea)": RESOLVE_SESSION,
    "resolve_key(bytea)": RESOLVE_KEY,
    "memberships_of(text, text)": MEMBERSHIPS_OF,
    "operator_of(text, text)": OPERATOR_OF,
    "resolve_operator(bytea)": RESOLVE_OPERATOR,
    "close_operator_session(bytea)": CLOSE_OPERATOR_SESSION,
}


class Migration(migrations.Migration):
    """Make the definer functions."""

    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]

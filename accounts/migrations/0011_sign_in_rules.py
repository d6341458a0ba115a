"""Which organisation a workspace trusts for its sign-ins, what it insists on, and who comes in by themselves.

The organisation is never an argument of a request: it stands in claims that were sealed after the identity provider said that
the acting owner runs it (L11: somebody else's organisation, named in a form, was a takeover). A workspace that insists on single
sign-on is asked for in the very functions that resolve a credential, so there is no path past it (L30).
"""

from importlib import import_module

from django.db import migrations

# The parts that every credential's answer is made of; a module whose name begins with a digit is imported by name.
_RESOLUTION = import_module("accounts.migrations.0002_resolution")
ANSWER, LIVENESS, PEOPLE = _RESOLUTION.ANSWER, _RESOLUTION.LIVENESS, _RESOLUTION.PEOPLE

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# The order of the first two words decides what a person reads: a session that ended is over, whatever the rules.
RESOLVE_SESSION = f"""
CREATE OR REPLACE FUNCTION fence.resolve_session(hash bytea) {ANSWER} AS $fence$
    SELECT CASE
        WHEN c.revoked_at IS NOT NULL THEN 'session_revoked'
        WHEN c.expires_at <= now() OR c.idle_until <= now() THEN 'session_expired'
        WHEN w.requires_sso AND c.method <> 'sso' THEN 'sso_required' {LIVENESS}
        END, c.id, c.provider, c.subject, c.identity_session, c.method, NULL::text[],
        c.signed_in_at, c.last_seen_at, c.expires_at, m.id, m.role, m.display_name, m.email, u.id, w.id, w.name
    FROM public.accounts_session c {PEOPLE}
    WHERE c.token_hash = hash LIMIT 1
$fence$
"""

# A key of the local store was made by a session that did not come by single sign-on.
RESOLVE_KEY = f"""
CREATE OR REPLACE FUNCTION fence.resolve_key(hash bytea) {ANSWER} AS $fence$
    SELECT CASE
        WHEN c.revoked_at IS NOT NULL THEN 'key_revoked'
        WHEN c.expires_at <= now() THEN 'key_expired'
        WHEN w.requires_sso AND c.provider = 'local' THEN 'sso_required' {LIVENESS}
        END, c.id, c.provider, c.subject, c.identity_key, 'key', c.scopes::text[],
        c.created_at, c.last_used_at, c.expires_at, m.id, m.role, m.display_name, m.email, u.id, w.id, w.name
    FROM public.accounts_apikey c {PEOPLE}
    WHERE c.key_hash = hash LIMIT 1
$fence$
"""

CONNECT_ORGANIZATION = f"""
CREATE FUNCTION fence.connect_organization(sealed text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'organization');
    actor public.accounts_membership := fence.acting_member();
    holder uuid;
BEGIN
    IF actor.role IS DISTINCT FROM 'owner' THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    IF EXISTS (SELECT 1 FROM public.accounts_workspace w WHERE w.id <> actor.workspace_id
        AND w.organization_id = claims->>'organization_id') THEN
        RETURN jsonb_build_object('refusal', 'taken');
    END IF;
    IF EXISTS (SELECT 1 FROM public.accounts_workspace w WHERE w.id = actor.workspace_id
        AND w.organization_id <> claims->>'organization_id') THEN
        RETURN jsonb_build_object('refusal', 'connected');
    END IF;
    -- The person proved both accounts in one browser, so they are one person's; never because two addresses are alike (L32).
    SELECT l.user_id INTO holder FROM public.accounts_identitylink l
    WHERE l.provider = claims->>'provider' AND l.subject = claims->>'subject';
    IF holder IS NULL THEN
        INSERT INTO public.accounts_identitylink (id, user_id, provider, subject, created_at)
        VALUES ((claims->>'link_id')::uuid, actor.user_id, claims->>'provider', claims->>'subject', now());
    ELSIF holder <> actor.user_id THEN
        RETURN jsonb_build_object('refusal', 'somebody_else');
    END IF;
    UPDATE public.accounts_workspace SET organization_id = claims->>'organization_id' WHERE id = actor.workspace_id;
    DELETE FROM public.accounts_domain WHERE workspace_id = actor.workspace_id;
    INSERT INTO public.accounts_domain (id, workspace_id, name)
    SELECT (one->>0)::uuid, actor.workspace_id, lower(one->>1)
    FROM jsonb_array_elements((claims->>'domains')::jsonb) AS one;
    RETURN '{{}}'::jsonb;
END
$fence$
"""

DISCONNECT_ORGANIZATION = f"""
CREATE FUNCTION fence.disconnect_organization() RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership := fence.acting_member();
BEGIN
    IF actor.role IS DISTINCT FROM 'owner' THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    UPDATE public.accounts_workspace SET organization_id = NULL, requires_sso = false, joins_as = ''
    WHERE id = actor.workspace_id AND organization_id IS NOT NULL;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refusal', 'not_connected');
    END IF;
    DELETE FROM public.accounts_domain WHERE workspace_id = actor.workspace_id;
    RETURN '{{}}'::jsonb;
END
$fence$
"""

# Whoever insists on single sign-on has come by it, or would be the first one to be locked out.
SET_SIGN_IN_RULES = f"""
CREATE FUNCTION fence.set_sign_in_rules(insists boolean, joining text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership := fence.acting_member();
    before public.accounts_workspace;
BEGIN
    IF actor.role IS DISTINCT FROM 'owner' THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    SELECT w.* INTO before FROM public.accounts_workspace w WHERE w.id = actor.workspace_id;
    IF before.organization_id IS NULL THEN
        RETURN jsonb_build_object('refusal', 'not_connected');
    END IF;
    IF joining IS NULL OR joining NOT IN ('', 'viewer', 'member') THEN
        RETURN jsonb_build_object('refusal', 'above');
    END IF;
    IF insists AND NOT before.requires_sso AND NOT EXISTS (
        SELECT 1 FROM public.accounts_session s WHERE s.workspace_id = actor.workspace_id AND s.membership_id = actor.id
        AND s.method = 'sso' AND s.revoked_at IS NULL AND s.expires_at > now() AND s.idle_until > now()
    ) THEN
        RETURN jsonb_build_object('refusal', 'sign_in_first');
    END IF;
    UPDATE public.accounts_workspace SET requires_sso = insists, joins_as = joining WHERE id = actor.workspace_id;
    RETURN jsonb_build_object('insisted', before.requires_sso, 'joined_as', before.joins_as);
END
$fence$
"""

# What the sign-in page may offer to an address. That a domain uses single sign-on is no secret; who has an account is.
SIGN_IN_OF_DOMAIN = f"""
CREATE FUNCTION fence.sign_in_of_domain(domain text) RETURNS TABLE (organization_id text, requires_sso boolean)
LANGUAGE sql STABLE {DEFINER} ROWS 1 AS $fence$
    SELECT min(w.organization_id), bool_and(w.requires_sso)
    FROM public.accounts_domain d JOIN public.accounts_workspace w ON w.id = d.workspace_id
    WHERE d.name = lower(domain) AND w.status = 'active' AND w.organization_id IS NOT NULL
    HAVING count(*) = 1
$fence$
"""

JOIN_BY_DOMAIN = f"""
CREATE FUNCTION fence.join_by_domain(sealed text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'domain');
    place public.accounts_workspace;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'people are changed one after another' USING ERRCODE = '42501';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('accounts_user:' || (claims->>'email_key'), 0));
    SELECT w.* INTO place FROM public.accounts_workspace w
    WHERE w.organization_id = claims->>'organization_id' AND w.status = 'active' FOR NO KEY UPDATE;
    IF place.id IS NULL OR place.joins_as = '' OR NOT EXISTS (
        SELECT 1 FROM public.accounts_domain d WHERE d.workspace_id = place.id
        AND d.name = lower(split_part(claims->>'email', '@', 2))
    ) THEN
        RETURN jsonb_build_object('refusal', 'no_rule');
    END IF;
    -- Whoever was suspended or removed comes back by an owner's act, and by no rule.
    RETURN fence.admitted(claims, place.id, place.joins_as, false);
END
$fence$
"""

# A member who was here before the organisation was: their first sign-in through it is tied to who they are. An address alone never is
# enough (L32): the provider must have verified it, its domain must be the organisation's own, and the workspace the organisation's. It opens
# that workspace and no other, because a proof that names an organisation enters only that one's.
LINK_BY_DOMAIN = f"""
CREATE FUNCTION fence.link_by_domain(sealed text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'domain');
    member public.accounts_membership;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('accounts_user:' || (claims->>'email_key'), 0));
    SELECT m.* INTO member
    FROM public.accounts_workspace w
    JOIN public.accounts_domain d ON d.workspace_id = w.id AND d.name = lower(split_part(claims->>'email', '@', 2))
    JOIN public.accounts_membership m ON m.workspace_id = w.id AND m.status = 'active'
    JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active AND u.email = lower(claims->>'email')
    WHERE w.organization_id = claims->>'organization_id' AND w.status = 'active'
    AND NOT EXISTS (SELECT 1 FROM public.accounts_identitylink l WHERE l.provider = claims->>'provider'
        AND (l.subject = claims->>'subject' OR l.user_id = u.id));
    IF member.id IS NULL THEN
        RETURN jsonb_build_object('refusal', 'no_rule');
    END IF;
    INSERT INTO public.accounts_identitylink (id, user_id, provider, subject, created_at)
    VALUES ((claims->>'link_id')::uuid, member.user_id, claims->>'provider', claims->>'subject', now());
    RETURN jsonb_build_object('workspace_id', member.workspace_id, 'membership_id', member.id);
END
$fence$
"""

FUNCTIONS = {
    "connect_organization(text)": CONNECT_ORGANIZATION,
    "disconnect_organization()": DISCONNECT_ORGANIZATION,
    "set_sign_in_rules(boolean, text)": SET_SIGN_IN_RULES,
    "sign_in_of_domain(text)": SIGN_IN_OF_DOMAIN,
    "join_by_domain(text)": JOIN_BY_DOMAIN,
    "link_by_domain(text)": LINK_BY_DOMAIN,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("accounts", "0010_single_sign_on")]
    operations = [
        migrations.RunSQL(RESOLVE_SESSION, migrations.RunSQL.noop),
        migrations.RunSQL(RESOLVE_KEY, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC",
                f"DROP FUNCTION fence.{signature}",
            )
            for signature, definition in FUNCTIONS.items()
        ),
    ]

"""Who may have the trail checked, the isolation proven, and a filter of the console kept: functions that ask for themselves.

An operator is believed under sealed claims and while their session lives; an owner or administrator of a workspace by the
sealed context and the role that they have now. Nobody says through them what a check found.
"""

from django.db import migrations

# One of a kind at a time, and none within a minute of the last that a person asked for: each reads all there is.
ASK_FOR_CHECK = """
CREATE FUNCTION fence.ask_for_check(sealed text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'check');
    operator record;
BEGIN
    SELECT * INTO operator FROM fence.operator_behind(claims);
    IF operator.id IS NULL THEN
        RAISE EXCEPTION 'no operator is signed in' USING ERRCODE = '42501';
    END IF;
    IF claims->>'kind' = 'trail' THEN
        LOCK TABLE public.audit_check IN SHARE ROW EXCLUSIVE MODE;
        IF EXISTS (SELECT 1 FROM public.audit_check c WHERE c.about_id IS NULL AND c.state IN ('waiting', 'running')) THEN
            RETURN 'under way';
        ELSIF EXISTS (SELECT 1 FROM public.audit_check c WHERE c.about_id IS NULL AND c.ended_at > clock_timestamp() - interval '1 minute') THEN
            RETURN 'too soon';
        END IF;
        INSERT INTO public.audit_check (id, state, asked_at, asked_name, attempts, result, done, total)
        VALUES ((claims->>'id')::uuid, 'waiting', clock_timestamp(), operator.name, 0, '{}', 0, 0);
    ELSE
        LOCK TABLE public.audit_proof IN SHARE ROW EXCLUSIVE MODE;
        IF EXISTS (SELECT 1 FROM public.audit_proof p WHERE p.state IN ('waiting', 'running')) THEN
            RETURN 'under way';
        ELSIF EXISTS (SELECT 1 FROM public.audit_proof p WHERE p.origin = 'console' AND p.ended_at > clock_timestamp() - interval '1 minute') THEN
            RETURN 'too soon';
        END IF;
        INSERT INTO public.audit_proof (id, state, asked_at, asked_name, attempts, result, origin, attacks)
        VALUES ((claims->>'id')::uuid, 'waiting', clock_timestamp(), operator.name, 0, '{}', 'console', claims->>'kind' = 'attacks');
    END IF;
    RETURN 'asked';
END
$audit$
"""

# By the key of its table a workspace has one at a time, without a lock that another workspace would wait for.
ASK_FOR_OWN_CHECK = """
CREATE FUNCTION fence.ask_for_own_check(wanted uuid) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    keeper record;
BEGIN
    SELECT m.workspace_id, m.display_name INTO keeper FROM public.accounts_membership m
    WHERE m.workspace_id = fence.current_workspace() AND m.id = fence.current_member()
    AND m.role IN ('owner', 'admin') AND m.status = 'active';
    IF keeper.workspace_id IS NULL THEN
        RAISE EXCEPTION 'only owners and administrators may do this' USING ERRCODE = '42501';
    END IF;
    IF EXISTS (SELECT 1 FROM public.audit_check c WHERE c.about_id = keeper.workspace_id
        AND c.ended_at > clock_timestamp() - interval '10 minutes') THEN
        RETURN 'too soon';
    END IF;
    INSERT INTO public.audit_check (id, about_id, state, asked_at, asked_name, attempts, result, done, total)
    VALUES (wanted, keeper.workspace_id, 'waiting', clock_timestamp(), keeper.display_name, 0, '{}', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN 'asked' ELSE 'under way' END;
END
$audit$
"""

# How far it is in hundredths, never in entries: how many the installation has is no workspace's business.
OWN_CHECKS = """
CREATE FUNCTION fence.own_checks() RETURNS TABLE (id uuid, state text, asked_at timestamptz, asked_name text,
    began_at timestamptz, ended_at timestamptz, holds boolean, result jsonb, percent integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
    SELECT c.id, c.state, c.asked_at, c.asked_name, c.began_at, c.ended_at, c.holds, c.result,
        CASE WHEN c.total > 0 THEN least(100, c.done * 100 / c.total)::integer ELSE 0 END
    FROM public.audit_check c JOIN public.accounts_membership m ON m.workspace_id = c.about_id
    WHERE c.about_id = fence.current_workspace() AND m.id = fence.current_member()
    AND m.role IN ('owner', 'admin') AND m.status = 'active'
    ORDER BY c.asked_at DESC LIMIT 5
$audit$
"""

# At most twenty of one operator on one page. The same name again means the new filters.
KEEP_CONSOLE_FILTER = """
CREATE FUNCTION fence.keep_console_filter(sealed text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'operator filter');
    operator record;
BEGIN
    SELECT * INTO operator FROM fence.operator_behind(claims);
    IF operator.id IS NULL THEN
        RAISE EXCEPTION 'no operator is signed in' USING ERRCODE = '42501';
    END IF;
    IF claims->>'act' = 'save' THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('audit.console_filter', 0));
        INSERT INTO public.audit_consolefilter (id, owner_id, place, name, query, saved_at)
        SELECT (claims->>'id')::uuid, operator.id, claims->>'place', claims->>'name', claims->>'query', clock_timestamp()
        WHERE (SELECT count(*) FROM public.audit_consolefilter f WHERE f.owner_id = operator.id
            AND f.place = claims->>'place' AND f.name <> claims->>'name') < 20
        ON CONFLICT (owner_id, place, name) DO UPDATE SET query = excluded.query, saved_at = excluded.saved_at;
    ELSE
        DELETE FROM public.audit_consolefilter f WHERE f.id = (claims->>'id')::uuid AND f.owner_id = operator.id;
    END IF;
    RETURN FOUND;
END
$audit$
"""

FUNCTIONS = {
    "ask_for_check(text)": ASK_FOR_CHECK,
    "ask_for_own_check(uuid)": ASK_FOR_OWN_CHECK,
    "own_checks()": OWN_CHECKS,
    "keep_console_filter(text)": KEEP_CONSOLE_FILTER,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("audit", "0015_checks_and_filters")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]

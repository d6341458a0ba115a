"""What makes an operator's visit open, in the database alone.

A context of the kind "glass" is believed only while the visit that it names is open in the operator's session that it names,
and only in a transaction that may not write. Whoever holds the key of the seals can make such a context for any visit; what
it opens is asked here, at every statement. The visits themselves are changed by one function, which believes sealed claims,
asks for the operator's live session, and keeps the rules: nobody approves their own, and none lasts longer than an hour.
"""

from django.db import migrations

from accounts.tenancy import sql

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

SESSION_LIVES = f"""
CREATE FUNCTION fence.operator_session_lives(of_session uuid, of_operator uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE {DEFINER} AS $fence$
    SELECT EXISTS (
        SELECT 1 FROM public.accounts_operatorsession s JOIN public.accounts_user u ON u.id = s.user_id
        WHERE s.id = of_session AND s.user_id = of_operator AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
        AND u.is_operator AND u.is_active)
$fence$
"""

IS_OPEN = f"""
CREATE FUNCTION fence.visit_is_open(of_visit uuid, in_session uuid, to_workspace uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE {DEFINER} AS $fence$
    SELECT EXISTS (
        SELECT 1 FROM public.accounts_visit v
        WHERE v.id = of_visit AND v.session_id = in_session AND v.workspace_id = to_workspace
        AND v.opened_at IS NOT NULL AND v.closed_at IS NULL AND v.until > clock_timestamp()
        AND fence.operator_session_lives(v.session_id, v.operator_id))
$fence$
"""

# As in 0001, and what is asked of a visit. Its form is "workspace.glass.visit.session", each id in 32 characters.
VERIFIED_PAYLOAD = """
CREATE OR REPLACE FUNCTION fence.verified_payload() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
DECLARE
    context text := current_setting('fence.ctx', true);
    payload text;
    secret bytea;
BEGIN
    IF context IS NULL OR context = '' THEN
        RAISE EXCEPTION 'no workspace is bound' USING ERRCODE = '42501';
    END IF;
    payload := left(context, -65);
    SELECT key INTO STRICT secret FROM fence.context_key;
    IF right(context, 65) <> '.' || encode(sha256(secret || sha256(secret || convert_to(payload, 'UTF8'))), 'hex') THEN
        RAISE EXCEPTION 'the workspace context is not sealed' USING ERRCODE = '42501';
    END IF;
    IF substr(payload, 34, 6) = 'glass.' THEN
        IF current_setting('transaction_read_only') <> 'on' THEN
            RAISE EXCEPTION 'a visit reads only, and this transaction may write' USING ERRCODE = '42501';
        END IF;
        IF NOT fence.visit_is_open(substr(payload, 40, 32)::uuid, substr(payload, 73, 32)::uuid, left(payload, 32)::uuid) THEN
            RAISE EXCEPTION 'the visit is not open' USING ERRCODE = '42501';
        END IF;
    END IF;
    RETURN payload;
END
$fence$;
"""
_FIRST = sql.SCHEMA[sql.SCHEMA.index("CREATE FUNCTION fence.verified_payload") :]
PAYLOAD_BEFORE = _FIRST[: _FIRST.index("$fence$;")].replace("CREATE", "CREATE OR REPLACE", 1) + "$fence$"

# NULL for whole-workspace work and for a visit, so that `owner_id = fence.current_member()` is true for nobody then.
CURRENT_MEMBER = """
CREATE OR REPLACE FUNCTION fence.current_member() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
DECLARE
    member text := substr(fence.verified_payload(), 34);
BEGIN
    RETURN CASE WHEN member = '*' OR left(member, 6) = 'glass.' THEN NULL ELSE member::uuid END;
END
$fence$
"""
MEMBER_BEFORE = """
CREATE OR REPLACE FUNCTION fence.current_member() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
BEGIN
    RETURN nullif(substr(fence.verified_payload(), 34), '*')::uuid;
END
$fence$
"""

IS_GLASS = """
CREATE FUNCTION fence.is_glass() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $fence$
BEGIN
    RETURN substr(fence.verified_payload(), 34, 6) = 'glass.';
END
$fence$
"""

# Returns the visit as it is now with what a letter about it needs, or NULL where the act changed nothing.
GLASS_ACT = f"""
CREATE FUNCTION fence.glass_act(sealed text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'operator.glass');
    act text := claims->>'act';
    of_visit uuid := (claims->>'visit')::uuid;
    in_session uuid := (claims->>'session')::uuid;
    operator record;
    is_alone boolean;
    visit public.accounts_visit;
BEGIN
    IF act = 'settle' THEN
        -- What time has ended already is written down; of many workers each takes another.
        UPDATE public.accounts_visit v SET closed_at = clock_timestamp(), ending = CASE
                WHEN v.until > clock_timestamp() THEN 'session' WHEN v.opened_at IS NULL THEN 'lapsed' ELSE 'time' END
        WHERE v.id = (
            SELECT o.id FROM public.accounts_visit o WHERE o.closed_at IS NULL AND (o.until <= clock_timestamp()
                OR NOT fence.operator_session_lives(o.session_id, o.operator_id))
            ORDER BY o.until LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING v.* INTO visit;
    ELSE
        SELECT u.id, u.display_name AS name INTO operator
        FROM public.accounts_operatorsession s JOIN public.accounts_user u ON u.id = s.user_id
        WHERE s.id = in_session AND fence.operator_session_lives(s.id, u.id) FOR SHARE OF s;
        IF operator.id IS NULL THEN
            RAISE EXCEPTION 'no operator is signed in' USING ERRCODE = '42501';
        END IF;
    END IF;
    IF act = 'ask' THEN
        -- One at a time, whatever two browsers of one operator send in the same moment.
        PERFORM 1 FROM public.accounts_user u WHERE u.id = operator.id FOR UPDATE;
        -- A second operator is one who could sign in: with an account of an identity system.
        is_alone := NOT EXISTS (
            SELECT 1 FROM public.accounts_user u JOIN public.accounts_identitylink l ON l.user_id = u.id
            WHERE u.is_operator AND u.is_active AND u.id <> operator.id);
        INSERT INTO public.accounts_visit (id, workspace_id, operator_id, operator_name, session_id, reason, ticket, minutes,
            asked_at, until, opened_at, approved_name, ending, closed_name, pages)
        SELECT of_visit, w.id, operator.id, operator.name, s.id, claims->>'reason', claims->>'ticket',
            (claims->>'minutes')::smallint, m.now,
            least(m.now + make_interval(mins => CASE WHEN is_alone THEN (claims->>'minutes')::integer ELSE 60 END), s.expires_at),
            CASE WHEN is_alone THEN m.now END, '', '', '', 0
        FROM public.accounts_workspace w, public.accounts_operatorsession s, (SELECT clock_timestamp() AS now) m
        WHERE w.id = (claims->>'workspace')::uuid AND s.id = in_session AND NOT EXISTS (
            SELECT 1 FROM public.accounts_visit v WHERE v.operator_id = operator.id AND v.closed_at IS NULL
            AND v.until > clock_timestamp() AND fence.operator_session_lives(v.session_id, v.operator_id))
        RETURNING * INTO visit;
    ELSIF act = 'approve' THEN
        UPDATE public.accounts_visit v SET opened_at = m.now, approved_name = operator.name,
            until = least(m.now + make_interval(mins => v.minutes), s.expires_at)
        FROM public.accounts_operatorsession s, (SELECT clock_timestamp() AS now) m
        WHERE v.id = of_visit AND s.id = v.session_id AND v.operator_id <> operator.id
            AND v.opened_at IS NULL AND v.closed_at IS NULL AND v.until > clock_timestamp()
            AND fence.operator_session_lives(v.session_id, v.operator_id)
        RETURNING v.* INTO visit;
    ELSIF act = 'decline' THEN
        UPDATE public.accounts_visit v SET closed_at = clock_timestamp(), ending = 'declined', closed_name = operator.name
        WHERE v.id = of_visit AND v.operator_id <> operator.id
            AND v.opened_at IS NULL AND v.closed_at IS NULL AND v.until > clock_timestamp()
        RETURNING v.* INTO visit;
    ELSIF act = 'close' THEN
        -- A request is taken back by whoever made it; what is open is closed by any operator.
        UPDATE public.accounts_visit v SET closed_at = clock_timestamp(), closed_name = operator.name,
            ending = CASE WHEN v.opened_at IS NULL THEN 'withdrawn' ELSE 'closed' END
        WHERE v.id = of_visit AND (v.opened_at IS NOT NULL OR v.operator_id = operator.id)
            AND v.closed_at IS NULL AND v.until > clock_timestamp()
        RETURNING v.* INTO visit;
    ELSIF act = 'see' THEN
        UPDATE public.accounts_visit v SET pages = v.pages + 1
        WHERE v.id = of_visit AND fence.visit_is_open(v.id, in_session, v.workspace_id)
            AND v.closed_at IS NULL AND v.until > clock_timestamp()
        RETURNING v.* INTO visit;
    ELSIF act <> 'settle' THEN
        RAISE EXCEPTION 'no such act' USING ERRCODE = '22023';
    END IF;
    IF visit.id IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('visit', to_jsonb(visit), 'owners', (
        SELECT coalesce(jsonb_agg(m.id ORDER BY m.created_at, m.id), '[]'::jsonb) FROM public.accounts_membership m
        WHERE m.workspace_id = visit.workspace_id AND m.role = 'owner' AND m.status = 'active'));
END
$fence$
"""

NEW = {
    "operator_session_lives(uuid, uuid)": SESSION_LIVES,
    "visit_is_open(uuid, uuid, uuid)": IS_OPEN,
    "is_glass()": IS_GLASS,
    "glass_act(text)": GLASS_ACT,
}


class Migration(migrations.Migration):
    """Make the functions, and have the verifier ask them."""

    dependencies = [("accounts", "0017_visit"), ("accounts", "0004_claims")]
    operations = [
        *(
            migrations.RunSQL(
                f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC",
                f"DROP FUNCTION fence.{signature}",
            )
            for signature, definition in NEW.items()
        ),
        migrations.RunSQL(VERIFIED_PAYLOAD, PAYLOAD_BEFORE),
        migrations.RunSQL(CURRENT_MEMBER, MEMBER_BEFORE),
    ]

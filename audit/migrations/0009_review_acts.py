"""What an operator does, as one function: it believes sealed claims only, and asks for the operator's session itself.

Injected SQL of the application can call it and cannot make the claims; claims of an operator who has signed out, or is
none any more, do nothing.
"""

from django.db import migrations

OPERATOR_BEHIND = """
CREATE FUNCTION fence.operator_behind(claims jsonb) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $audit$
    SELECT u.id, u.display_name
    FROM public.accounts_operatorsession s JOIN public.accounts_user u ON u.id = s.user_id
    WHERE s.id = (claims->>'session')::uuid AND s.revoked_at IS NULL AND s.expires_at > now()
    AND u.is_operator AND u.is_active
$audit$
"""

# Returns how many rows changed: an act that changes nothing came too late, and is told so.
OPERATOR_ACT = """
CREATE FUNCTION fence.operator_act(sealed text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'operator.act');
    act text := claims->>'act';
    kind text := claims->>'fingerprint';
    member uuid := (claims->>'member')::uuid;
    operator record;
    changed integer := 0;
BEGIN
    SELECT * INTO operator FROM fence.operator_behind(claims);
    IF operator.id IS NULL THEN
        RAISE EXCEPTION 'no operator is signed in' USING ERRCODE = '42501';
    END IF;
    IF act IN ('acknowledge', 'assign', 'release', 'resolve', 'reopen') THEN
        INSERT INTO public.audit_review AS r
            (fingerprint, status, resolution, assigned_id, assigned_name, changed_id, changed_name, changed_at)
        VALUES (kind,
            CASE act WHEN 'resolve' THEN 'resolved' WHEN 'reopen' THEN 'open' WHEN 'release' THEN 'open' ELSE 'acknowledged' END,
            CASE act WHEN 'resolve' THEN claims->>'resolution' ELSE '' END,
            CASE act WHEN 'assign' THEN operator.id END, CASE act WHEN 'assign' THEN operator.name ELSE '' END,
            operator.id, operator.name, clock_timestamp())
        ON CONFLICT (fingerprint) DO UPDATE SET
            status = CASE act WHEN 'release' THEN r.status ELSE excluded.status END,
            resolution = CASE act WHEN 'release' THEN r.resolution ELSE excluded.resolution END,
            assigned_id = CASE act WHEN 'assign' THEN excluded.assigned_id WHEN 'release' THEN NULL ELSE r.assigned_id END,
            assigned_name = CASE act WHEN 'assign' THEN excluded.assigned_name WHEN 'release' THEN '' ELSE r.assigned_name END,
            changed_id = CASE act WHEN 'release' THEN r.changed_id ELSE excluded.changed_id END,
            changed_name = CASE act WHEN 'release' THEN r.changed_name ELSE excluded.changed_name END,
            -- Giving back is no new look at it: what happened since the resolution still opens it again.
            changed_at = CASE act WHEN 'release' THEN r.changed_at ELSE excluded.changed_at END;
    ELSIF act = 'note' THEN
        INSERT INTO public.audit_reviewnote (id, fingerprint, author_id, author_name, text, written_at)
        VALUES ((claims->>'id')::uuid, kind, operator.id, operator.name, claims->>'text', clock_timestamp());
    ELSIF act = 'block' THEN
        INSERT INTO public.audit_block (network, until, made_id, made_name, made_at)
        VALUES (claims->>'network', clock_timestamp() + make_interval(mins => (claims->>'minutes')::integer),
            operator.id, operator.name, clock_timestamp())
        ON CONFLICT (network) DO UPDATE SET until = excluded.until, made_id = excluded.made_id,
            made_name = excluded.made_name, made_at = excluded.made_at;
    ELSIF act = 'unblock' THEN
        DELETE FROM public.audit_block WHERE network = claims->>'network';
    ELSIF act = 'end_sessions' THEN
        UPDATE public.accounts_session SET revoked_at = now() WHERE membership_id = member AND revoked_at IS NULL;
    ELSIF act = 'revoke_keys' THEN
        UPDATE public.accounts_apikey SET revoked_at = now() WHERE membership_id = member AND revoked_at IS NULL;
    ELSIF act = 'suspend' THEN
        UPDATE public.accounts_membership SET status = 'suspended' WHERE id = member AND status = 'active';
    ELSIF act = 'readmit' THEN
        UPDATE public.accounts_membership SET status = 'active' WHERE id = member AND status = 'suspended';
    ELSE
        RAISE EXCEPTION 'no such act' USING ERRCODE = '22023';
    END IF;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$audit$
"""

BLOCKS = """
CREATE FUNCTION fence.blocks() RETURNS TABLE (network text, until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
    SELECT b.network, b.until FROM public.audit_block b WHERE b.until > clock_timestamp() ORDER BY b.network
$audit$
"""

FUNCTIONS = {
    "operator_behind(jsonb)": OPERATOR_BEHIND,
    "operator_act(text)": OPERATOR_ACT,
    "blocks()": BLOCKS,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("audit", "0008_reviews"), ("accounts", "0004_claims")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]

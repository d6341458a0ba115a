"""Who may change who belongs to a workspace, and as what? Functions with the owner's rights, for the sealed member alone.

The application's role can read memberships and write none. Each function takes the acting member from the sealed context and
reads that member's own role from the table, now; whatever else it is given is only a target. Rules that a page has as well
stand here, because injected SQL calls these functions without any page. A refusal is a word in the answer, and nothing was
changed then. Who may call them: `accounts/grants.py`.
"""

from django.db import migrations

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

RANK_OF = """
CREATE FUNCTION fence.rank_of(role text) RETURNS integer LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $fence$
    SELECT CASE role WHEN 'owner' THEN 3 WHEN 'admin' THEN 2 WHEN 'member' THEN 1 WHEN 'viewer' THEN 0 END
$fence$
"""

# The workspace's row is locked first, so that its people are changed one after another: two owners who demote each other at
# the same moment must not both find the other one still there. A snapshot older than the lock would find exactly that.
ACTING_MEMBER = """
CREATE FUNCTION fence.acting_member() RETURNS public.accounts_membership
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    actor public.accounts_membership;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'people are changed one after another' USING ERRCODE = '42501';
    END IF;
    PERFORM 1 FROM public.accounts_workspace w WHERE w.id = fence.current_workspace() FOR NO KEY UPDATE;
    SELECT m.* INTO actor
    FROM public.accounts_membership m
    JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active
    JOIN public.accounts_workspace w ON w.id = m.workspace_id AND w.status = 'active'
    WHERE m.workspace_id = fence.current_workspace() AND m.id = fence.current_member() AND m.status = 'active';
    RETURN actor;
END
$fence$
"""

HAS_OTHER_OWNER = """
CREATE FUNCTION fence.has_other_owner(member uuid) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $fence$
    SELECT EXISTS (
        SELECT 1 FROM public.accounts_membership m JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active
        WHERE m.workspace_id = fence.current_workspace() AND m.role = 'owner' AND m.status = 'active' AND m.id <> member
    )
$fence$
"""

KEEPS_PEOPLE = """
CREATE FUNCTION fence.keeps_people() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $fence$
    SELECT EXISTS (
        SELECT 1 FROM public.accounts_membership m
        WHERE m.workspace_id = fence.current_workspace() AND m.id = fence.current_member()
        AND m.status = 'active' AND m.role IN ('owner', 'admin')
    )
$fence$
"""

# Names the identity system's halves of what ended, so that the application can have them withdrawn there as well.
END_ACCESS = """
CREATE FUNCTION fence.end_access(member uuid) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $fence$
    WITH ended_sessions AS (
        UPDATE public.accounts_session SET revoked_at = now()
        WHERE workspace_id = fence.current_workspace() AND membership_id = member AND revoked_at IS NULL
        RETURNING provider, identity_session
    ), ended_keys AS (
        UPDATE public.accounts_apikey SET revoked_at = now()
        WHERE workspace_id = fence.current_workspace() AND membership_id = member AND revoked_at IS NULL
        RETURNING provider, identity_key
    ), ended_invitations AS (
        UPDATE public.accounts_invitation SET revoked_at = now()
        WHERE workspace_id = fence.current_workspace() AND invited_by_id = member
        AND accepted_at IS NULL AND revoked_at IS NULL
        RETURNING id
    )
    SELECT jsonb_build_object(
        'sessions', coalesce((SELECT jsonb_agg(jsonb_build_array(provider, identity_session)) FROM ended_sessions), '[]'),
        'keys', coalesce((SELECT jsonb_agg(jsonb_build_array(provider, identity_key)) FROM ended_keys), '[]'),
        'invitations', (SELECT count(*) FROM ended_invitations)
    )
$fence$
"""

# Shared by the functions that act on one other member: who acts, on whom, and what nobody may do to an owner (L50).
TARGET = """
    actor := fence.acting_member();
    IF coalesce(fence.rank_of(actor.role), -1) < 2 THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    SELECT m.* INTO target FROM public.accounts_membership m
    WHERE m.workspace_id = actor.workspace_id AND m.id = member AND m.status <> 'removed';
    IF target.id IS NULL THEN
        RETURN jsonb_build_object('refusal', 'missing');
    END IF;
    IF target.role = 'owner' AND actor.role <> 'owner' THEN
        RETURN jsonb_build_object('refusal', 'owner_protected');
    END IF;"""

CHANGE_MEMBER_ROLE = f"""
CREATE FUNCTION fence.change_member_role(member uuid, wanted text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership;
    target public.accounts_membership;
    ended integer;
BEGIN{TARGET}
    IF fence.rank_of(wanted) IS NULL OR fence.rank_of(wanted) > fence.rank_of(actor.role) THEN
        RETURN jsonb_build_object('refusal', 'above');
    END IF;
    IF target.role = wanted THEN
        RETURN jsonb_build_object('refusal', 'unchanged');
    END IF;
    IF target.role = 'owner' AND NOT fence.has_other_owner(target.id) THEN
        RETURN jsonb_build_object('refusal', 'last_owner');
    END IF;
    UPDATE public.accounts_membership SET role = wanted WHERE workspace_id = actor.workspace_id AND id = target.id;
    -- Invitations that the person could not send any more.
    UPDATE public.accounts_invitation i SET revoked_at = now()
    WHERE i.workspace_id = actor.workspace_id AND i.invited_by_id = target.id
    AND i.accepted_at IS NULL AND i.revoked_at IS NULL
    AND (fence.rank_of(wanted) < 2 OR fence.rank_of(i.role) > fence.rank_of(wanted));
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN jsonb_build_object('before', target.role, 'invitations', ended);
END
$fence$
"""

SET_MEMBER_STATUS = f"""
CREATE FUNCTION fence.set_member_status(member uuid, wanted text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership;
    target public.accounts_membership;
BEGIN{TARGET}
    IF wanted IS NULL OR wanted NOT IN ('active', 'suspended', 'removed') OR target.status = wanted THEN
        RETURN jsonb_build_object('refusal', 'unchanged');
    END IF;
    IF target.id = actor.id THEN
        RETURN jsonb_build_object('refusal', 'self');
    END IF;
    IF target.role = 'owner' AND wanted <> 'active' AND NOT fence.has_other_owner(target.id) THEN
        RETURN jsonb_build_object('refusal', 'last_owner');
    END IF;
    UPDATE public.accounts_membership SET status = wanted WHERE workspace_id = actor.workspace_id AND id = target.id;
    IF wanted = 'active' THEN
        RETURN '{{}}'::jsonb;
    END IF;
    RETURN fence.end_access(target.id);
END
$fence$
"""

LEAVE_WORKSPACE = f"""
CREATE FUNCTION fence.leave_workspace() RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership;
BEGIN
    actor := fence.acting_member();
    IF actor.id IS NULL THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    IF actor.role = 'owner' AND NOT fence.has_other_owner(actor.id) THEN
        RETURN jsonb_build_object('refusal', 'last_owner');
    END IF;
    UPDATE public.accounts_membership SET status = 'removed' WHERE workspace_id = actor.workspace_id AND id = actor.id;
    RETURN fence.end_access(actor.id);
END
$fence$
"""

TRANSFER_OWNERSHIP = f"""
CREATE FUNCTION fence.transfer_ownership(member uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership;
    target public.accounts_membership;
BEGIN
    actor := fence.acting_member();
    IF actor.role IS DISTINCT FROM 'owner' THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    SELECT m.* INTO target FROM public.accounts_membership m JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active
    WHERE m.workspace_id = actor.workspace_id AND m.id = member AND m.status <> 'removed';
    IF target.id IS NULL THEN
        RETURN jsonb_build_object('refusal', 'missing');
    END IF;
    IF target.id = actor.id THEN
        RETURN jsonb_build_object('refusal', 'self');
    END IF;
    IF target.status <> 'active' THEN
        RETURN jsonb_build_object('refusal', 'not_active');
    END IF;
    UPDATE public.accounts_membership m SET role = CASE m.id WHEN target.id THEN 'owner' ELSE 'admin' END
    WHERE m.workspace_id = actor.workspace_id AND m.id IN (target.id, actor.id);
    UPDATE public.accounts_invitation i SET revoked_at = now()
    WHERE i.workspace_id = actor.workspace_id AND i.invited_by_id = actor.id AND i.role = 'owner'
    AND i.accepted_at IS NULL AND i.revoked_at IS NULL;
    RETURN jsonb_build_object('before', target.role);
END
$fence$
"""

# How much ends with a member; a colleague's sessions and keys themselves stay unseen.
MEMBER_TIES = f"""
CREATE FUNCTION fence.member_ties(member uuid) RETURNS TABLE (sessions bigint, keys bigint, invitations bigint)
LANGUAGE sql STABLE {DEFINER} ROWS 1 AS $fence$
    SELECT
        (SELECT count(*) FROM public.accounts_session s WHERE s.workspace_id = fence.current_workspace()
            AND s.membership_id = member AND s.revoked_at IS NULL AND s.expires_at > now() AND s.idle_until > now()),
        (SELECT count(*) FROM public.accounts_apikey k WHERE k.workspace_id = fence.current_workspace()
            AND k.membership_id = member AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())),
        (SELECT count(*) FROM public.accounts_invitation i WHERE i.workspace_id = fence.current_workspace()
            AND i.invited_by_id = member AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now())
    WHERE fence.keeps_people()
$fence$
"""

LAST_SEEN_OF = f"""
CREATE FUNCTION fence.last_seen_of(members uuid[]) RETURNS TABLE (member uuid, seen timestamptz)
LANGUAGE sql STABLE {DEFINER} AS $fence$
    SELECT m.id, greatest(
        (SELECT max(s.last_seen_at) FROM public.accounts_session s
            WHERE s.workspace_id = m.workspace_id AND s.membership_id = m.id),
        (SELECT max(k.last_used_at) FROM public.accounts_apikey k
            WHERE k.workspace_id = m.workspace_id AND k.membership_id = m.id))
    FROM public.accounts_membership m
    WHERE m.workspace_id = fence.current_workspace() AND m.id = ANY (members) AND fence.keeps_people()
$fence$
"""

# In this order: each uses only those before it.
FUNCTIONS = {
    "rank_of(text)": RANK_OF,
    "acting_member()": ACTING_MEMBER,
    "has_other_owner(uuid)": HAS_OTHER_OWNER,
    "keeps_people()": KEEPS_PEOPLE,
    "end_access(uuid)": END_ACCESS,
    "change_member_role(uuid, text)": CHANGE_MEMBER_ROLE,
    "set_member_status(uuid, text)": SET_MEMBER_STATUS,
    "leave_workspace()": LEAVE_WORKSPACE,
    "transfer_ownership(uuid)": TRANSFER_OWNERSHIP,
    "member_ties(uuid)": MEMBER_TIES,
    "last_seen_of(uuid[])": LAST_SEEN_OF,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("accounts", "0007_invitation")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]

"""How does somebody from outside become a member, when no login may write a membership?

Sending is the sealed member's act, within their role. Accepting takes two things that injected SQL has neither of: the token
that was mailed to one address, and claims, sealed by the application, that the identity system proved that very address to
belong to this subject. People are matched on (provider, subject); an address that belongs to somebody else's link is refused,
never joined to it (L32). Who may call the functions: `accounts/grants.py`.
"""

from django.db import migrations

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

SEND_INVITATION = f"""
CREATE FUNCTION fence.send_invitation(
    invitation uuid, address text, address_key text, wanted text, fresh_nonce text, fresh_hash bytea
) RETURNS jsonb LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership;
BEGIN
    actor := fence.acting_member();
    IF coalesce(fence.rank_of(actor.role), -1) < 2 THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    IF fence.rank_of(wanted) IS NULL OR fence.rank_of(wanted) > fence.rank_of(actor.role) THEN
        RETURN jsonb_build_object('refusal', 'above');
    END IF;
    IF EXISTS (
        SELECT 1 FROM public.accounts_membership m
        WHERE m.workspace_id = actor.workspace_id AND m.email = lower(address) AND m.status <> 'removed'
    ) THEN
        RETURN jsonb_build_object('refusal', 'member_already');
    END IF;
    IF EXISTS (
        SELECT 1 FROM public.accounts_invitation i WHERE i.workspace_id = actor.workspace_id
        AND i.email_key = address_key AND i.accepted_at IS NULL AND i.revoked_at IS NULL
    ) THEN
        RETURN jsonb_build_object('refusal', 'invited_already');
    END IF;
    -- Each one is a mail to a stranger: a workspace must not become somebody's way to send them by the thousand.
    IF (SELECT count(*) FROM public.accounts_invitation i WHERE i.workspace_id = actor.workspace_id
        AND i.accepted_at IS NULL AND i.revoked_at IS NULL) >= 200
        OR (SELECT count(*) FROM public.accounts_invitation i WHERE i.workspace_id = actor.workspace_id
        AND i.created_at > now() - interval '1 day') >= 500 THEN
        RETURN jsonb_build_object('refusal', 'too_many');
    END IF;
    INSERT INTO public.accounts_invitation (
        id, workspace_id, email, email_key, role, nonce, token_hash, invited_by_id, created_at, sent_at, expires_at
    ) VALUES (
        invitation, actor.workspace_id, address, address_key, wanted, fresh_nonce, fresh_hash, actor.id,
        now(), now(), now() + interval '72 hours'
    );
    RETURN '{{}}'::jsonb;
END
$fence$
"""

# Sent again, it is the new sender's: it holds as long as that person may invite into this role.
RENEW_INVITATION = f"""
CREATE FUNCTION fence.renew_invitation(invitation uuid, fresh_nonce text, fresh_hash bytea) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership;
    found public.accounts_invitation;
BEGIN
    actor := fence.acting_member();
    IF coalesce(fence.rank_of(actor.role), -1) < 2 THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    SELECT i.* INTO found FROM public.accounts_invitation i WHERE i.workspace_id = actor.workspace_id
    AND i.id = invitation AND i.accepted_at IS NULL AND i.revoked_at IS NULL;
    IF found.id IS NULL THEN
        RETURN jsonb_build_object('refusal', 'missing');
    END IF;
    IF fence.rank_of(found.role) > fence.rank_of(actor.role) THEN
        RETURN jsonb_build_object('refusal', 'above');
    END IF;
    IF found.sent_at > clock_timestamp() - interval '1 minute' THEN
        RETURN jsonb_build_object('refusal', 'too_soon');
    END IF;
    UPDATE public.accounts_invitation SET nonce = fresh_nonce, token_hash = fresh_hash, invited_by_id = actor.id,
        sent_at = now(), expires_at = now() + interval '72 hours'
    WHERE workspace_id = actor.workspace_id AND id = found.id;
    RETURN '{{}}'::jsonb;
END
$fence$
"""

WITHDRAW_INVITATION = f"""
CREATE FUNCTION fence.withdraw_invitation(invitation uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    actor public.accounts_membership;
BEGIN
    actor := fence.acting_member();
    IF coalesce(fence.rank_of(actor.role), -1) < 2 THEN
        RETURN jsonb_build_object('refusal', 'role');
    END IF;
    UPDATE public.accounts_invitation SET revoked_at = now() WHERE workspace_id = actor.workspace_id
    AND id = invitation AND accepted_at IS NULL AND revoked_at IS NULL;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refusal', 'missing');
    END IF;
    RETURN '{{}}'::jsonb;
END
$fence$
"""

# What keeps an invitation from being taken: one list for the page that shows it and for the act.
HINDRANCE = """CASE
        WHEN i.accepted_at IS NOT NULL THEN 'used'
        WHEN i.revoked_at IS NOT NULL THEN 'withdrawn'
        WHEN i.expires_at <= now() THEN 'expired'
        WHEN w.status <> 'active' THEN 'workspace'
        -- The sender's right is asked now: whoever was removed or demoted since has no invitations left.
        WHEN s.status <> 'active' OR NOT u.is_active OR fence.rank_of(s.role) < 2
            OR fence.rank_of(s.role) < fence.rank_of(i.role) THEN 'sender'
        END"""

ROW = """public.accounts_invitation i
    JOIN public.accounts_workspace w ON w.id = i.workspace_id
    JOIN public.accounts_membership s ON s.workspace_id = i.workspace_id AND s.id = i.invited_by_id
    JOIN public.accounts_user u ON u.id = s.user_id"""

# An empty or missing token must not meet an empty column (L43): what is not 256 bits long is looked up by nobody.
HASHED = "sha256(convert_to('platform:' || token, 'UTF8'))"
WHOLE_TOKEN = "length(token) BETWEEN 40 AND 64"

INVITATION_OF = f"""
CREATE FUNCTION fence.invitation_of(token text) RETURNS TABLE (
    refusal text, workspace_name text, sender_name text, email text, role text, expires_at timestamptz
) LANGUAGE sql STABLE {DEFINER} ROWS 1 AS $fence$
    SELECT {HINDRANCE}, w.name, s.display_name, i.email, i.role, i.expires_at
    FROM {ROW}
    WHERE {WHOLE_TOKEN} AND i.token_hash = {HASHED} LIMIT 1
$fence$
"""

# Makes, or finds, the person of the claims, and makes them a member. No login may call it: only the functions that have checked the
# claims do. `again`: whoever was removed may come back by this.
ADMITTED = """
CREATE FUNCTION fence.admitted(claims jsonb, place uuid, given text, again boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    person public.accounts_user;
    member public.accounts_membership;
BEGIN
    IF claims->>'provider' IS NULL OR claims->>'subject' IS NULL OR claims->>'email' IS NULL
        OR claims->>'email_key' IS NULL OR claims->>'name' IS NULL THEN
        RAISE EXCEPTION 'the claims name nobody' USING ERRCODE = '42501';
    END IF;
    SELECT u.* INTO person FROM public.accounts_identitylink l JOIN public.accounts_user u ON u.id = l.user_id
    WHERE l.provider = claims->>'provider' AND l.subject = claims->>'subject';
    IF person.id IS NULL THEN
        IF EXISTS (SELECT 1 FROM public.accounts_user u WHERE u.email = lower(claims->>'email')) THEN
            RETURN jsonb_build_object('refusal', 'known_address');
        END IF;
        INSERT INTO public.accounts_user (id, email, display_name, is_active, is_operator, created_at)
        VALUES ((claims->>'user_id')::uuid, lower(claims->>'email'), claims->>'name', true, false, now())
        RETURNING * INTO person;
        INSERT INTO public.accounts_identitylink (id, user_id, provider, subject, created_at)
        VALUES ((claims->>'link_id')::uuid, person.id, claims->>'provider', claims->>'subject', now());
    ELSIF NOT person.is_active THEN
        RETURN jsonb_build_object('refusal', 'inactive');
    END IF;
    SELECT m.* INTO member FROM public.accounts_membership m WHERE m.workspace_id = place AND m.user_id = person.id;
    IF member.status = 'active' THEN
        RETURN jsonb_build_object('refusal', 'member_already');
    ELSIF member.status = 'suspended' OR (member.status = 'removed' AND NOT again) THEN
        RETURN jsonb_build_object('refusal', member.status);
    ELSIF member.id IS NULL THEN
        INSERT INTO public.accounts_membership (id, workspace_id, user_id, role, status, display_name, email, created_at)
        VALUES ((claims->>'membership_id')::uuid, place, person.id, given, 'active',
            person.display_name, person.email, now())
        RETURNING * INTO member;
    ELSE
        -- Whoever comes back is the same member: what they left behind is theirs again.
        UPDATE public.accounts_membership m SET status = 'active', role = given,
            display_name = person.display_name, email = person.email
        WHERE m.workspace_id = place AND m.id = member.id
        RETURNING m.* INTO member;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'workspace_id', w.id, 'workspace_name', w.name, 'organization_id', w.organization_id,
            'requires_sso', w.requires_sso, 'membership_id', member.id, 'user_id', person.id, 'role', member.role,
            'display_name', member.display_name, 'email', member.email)
        FROM public.accounts_workspace w WHERE w.id = place
    );
END
$fence$
"""

ACCEPT_INVITATION = f"""
CREATE FUNCTION fence.accept_invitation(token text, sealed text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'invitation');
    place uuid;
    hindrance text;
    invitation public.accounts_invitation;
    answer jsonb;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'people are changed one after another' USING ERRCODE = '42501';
    END IF;
    SELECT i.workspace_id INTO place FROM public.accounts_invitation i WHERE {WHOLE_TOKEN} AND i.token_hash = {HASHED};
    IF place IS NULL THEN
        RETURN jsonb_build_object('refusal', 'unknown');
    END IF;
    -- Two locks, always in this order: one person is made once, and one workspace's people change one after another.
    PERFORM pg_advisory_xact_lock(hashtextextended('accounts_user:' || (claims->>'email_key'), 0));
    PERFORM 1 FROM public.accounts_workspace w WHERE w.id = place FOR NO KEY UPDATE;
    SELECT {HINDRANCE} INTO hindrance FROM {ROW} WHERE i.workspace_id = place AND i.token_hash = {HASHED};
    IF hindrance IS NOT NULL THEN
        RETURN jsonb_build_object('refusal', hindrance);
    END IF;
    SELECT i.* INTO invitation FROM public.accounts_invitation i WHERE i.workspace_id = place AND i.token_hash = {HASHED};
    IF invitation.id IS NULL THEN
        -- It was sent again between the two looks, so this link is an older one.
        RETURN jsonb_build_object('refusal', 'unknown');
    END IF;
    -- Folding makes a long s an s, and the Kelvin sign a k; a mailbox is the same only if its ASCII letters' case differs.
    IF invitation.email_key <> claims->>'email_key'
        OR lower(normalize(invitation.email, NFC) COLLATE "C") <> lower(normalize(claims->>'email', NFC) COLLATE "C") THEN
        RETURN jsonb_build_object('refusal', 'other_address');
    END IF;
    IF claims->>'method' IS DISTINCT FROM 'sso'
        AND (SELECT w.requires_sso FROM public.accounts_workspace w WHERE w.id = place) THEN
        -- The workspace insists on its organisation's sign-in, and this proof came in another way (L30).
        RETURN jsonb_build_object('refusal', 'sso_required');
    END IF;
    answer := fence.admitted(claims, place, invitation.role, true);
    IF answer ? 'refusal' THEN
        RETURN answer;
    END IF;
    UPDATE public.accounts_invitation SET accepted_at = now() WHERE workspace_id = place AND id = invitation.id;
    RETURN answer || jsonb_build_object('invitation_id', invitation.id);
END
$fence$
"""

FUNCTIONS = {
    "send_invitation(uuid, text, text, text, text, bytea)": SEND_INVITATION,
    "renew_invitation(uuid, text, bytea)": RENEW_INVITATION,
    "withdraw_invitation(uuid)": WITHDRAW_INVITATION,
    "invitation_of(text)": INVITATION_OF,
    "admitted(jsonb, uuid, text, boolean)": ADMITTED,
    "accept_invitation(text, text)": ACCEPT_INVITATION,
}


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("accounts", "0008_people")]
    operations = [
        migrations.RunSQL(
            f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC", f"DROP FUNCTION fence.{signature}"
        )
        for signature, definition in FUNCTIONS.items()
    ]

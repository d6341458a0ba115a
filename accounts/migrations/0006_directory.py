"""What an outside directory may change about memberships, and what a sign-in may know of the places that it can enter.

Nobody is signed in when a directory's event is read, so these functions believe sealed claims only (0004), and the second one
besides acts for nobody but the member whom the sealed context names. Neither can make a membership, nor touch who owns.
"""

from django.db import migrations

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# The person's places that the claims are about: those of one organisation, or of any; or where one session or key of theirs is.
DIRECTORY_PLACES = f"""
CREATE FUNCTION fence.directory_places(sealed text) RETURNS TABLE (workspace_id uuid, membership_id uuid)
LANGUAGE plpgsql STABLE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'directory');
BEGIN
    RETURN QUERY
    SELECT m.workspace_id, m.id
      FROM public.accounts_identitylink l
      JOIN public.accounts_membership m ON m.user_id = l.user_id AND m.status <> 'removed'
      JOIN public.accounts_workspace w ON w.id = m.workspace_id
     WHERE l.provider = claims->>'provider' AND l.subject = claims->>'subject'
       AND CASE claims->>'about'
           WHEN 'organization' THEN w.organization_id = claims->>'reference'
           WHEN 'person' THEN w.organization_id IS NOT NULL
           WHEN 'session' THEN EXISTS (
               SELECT 1 FROM public.accounts_session s WHERE s.workspace_id = m.workspace_id AND s.membership_id = m.id
                  AND s.provider = l.provider AND s.identity_session = claims->>'reference')
           WHEN 'key' THEN EXISTS (
               SELECT 1 FROM public.accounts_apikey k WHERE k.workspace_id = m.workspace_id AND k.membership_id = m.id
                  AND k.provider = l.provider AND k.identity_key = claims->>'reference')
           ELSE false END
     ORDER BY 1, 2;
END
$fence$
"""

FOLLOW_DIRECTORY = f"""
CREATE FUNCTION fence.follow_directory(sealed text)
RETURNS TABLE (status_before text, status_after text, role_before text, role_after text)
LANGUAGE plpgsql VOLATILE {DEFINER} AS $fence$
DECLARE
    claims jsonb := fence.verified_claims(sealed, 'directory');
    member public.accounts_membership;
BEGIN
    SELECT m.* INTO member
      FROM public.accounts_membership m JOIN public.accounts_workspace w ON w.id = m.workspace_id
     WHERE m.workspace_id = fence.current_workspace() AND m.id = fence.current_member()
       AND w.organization_id IS NOT NULL
       AND (claims->>'about' = 'person' OR (claims->>'about' = 'organization' AND w.organization_id = claims->>'reference'))
       AND EXISTS (SELECT 1 FROM public.accounts_identitylink l WHERE l.user_id = m.user_id
                      AND l.provider = claims->>'provider' AND l.subject = claims->>'subject')
       FOR UPDATE OF m;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the directory says nothing about this member' USING ERRCODE = '42501';
    END IF;
    status_before := member.status;
    role_before := member.role;
    status_after := CASE
        WHEN member.status = 'removed' OR claims->>'status' = 'removed' THEN 'removed'
        WHEN claims->>'status' = 'suspended' THEN 'suspended'
        -- Whoever an administrator suspended here is let back by an administrator, not by a directory.
        ELSE member.status END;
    role_after := CASE
        WHEN member.role <> 'owner' AND status_after = 'active' AND claims->>'role' IN ('admin', 'member', 'viewer')
        THEN claims->>'role' ELSE member.role END;
    IF (status_before, role_before) IS DISTINCT FROM (status_after, role_after) THEN
        UPDATE public.accounts_membership SET status = status_after, role = role_after
         WHERE workspace_id = member.workspace_id AND id = member.id;
    END IF;
    RETURN NEXT;
END
$fence$
"""

# As in 0002, with the organisation of each place and whether it insists on it: the sign-in has to fit both.
MEMBERSHIPS_OF = f"""
CREATE FUNCTION fence.memberships_of(identity_provider text, identity_subject text)
RETURNS TABLE (user_id uuid, membership_id uuid, workspace_id uuid, workspace_name text, role text, organization_id text,
               requires_sso boolean)
LANGUAGE sql STABLE {DEFINER} AS $fence$
    SELECT u.id, m.id, w.id, w.name, m.role, w.organization_id, w.requires_sso
    FROM public.accounts_identitylink l
    JOIN public.accounts_user u ON u.id = l.user_id AND u.is_active
    JOIN public.accounts_membership m ON m.user_id = u.id AND m.status = 'active'
    JOIN public.accounts_workspace w ON w.id = m.workspace_id AND w.status = 'active'
    WHERE l.provider = identity_provider AND l.subject = identity_subject
    ORDER BY w.name, w.id
$fence$
"""
MEMBERSHIPS_BEFORE = f"""
CREATE FUNCTION fence.memberships_of(identity_provider text, identity_subject text)
RETURNS TABLE (user_id uuid, membership_id uuid, workspace_id uuid, workspace_name text, role text)
LANGUAGE sql STABLE {DEFINER} AS $fence$
    SELECT u.id, m.id, w.id, w.name, m.role
    FROM public.accounts_identitylink l
    JOIN public.accounts_user u ON u.id = l.user_id AND u.is_active
    JOIN public.accounts_membership m ON m.user_id = u.id AND m.status = 'active'
    JOIN public.accounts_workspace w ON w.id = m.workspace_id AND w.status = 'active'
    WHERE l.provider = identity_provider AND l.subject = identity_subject
    ORDER BY w.name, w.id
$fence$
"""
DROP_MEMBERSHIPS = "DROP FUNCTION fence.memberships_of(text, text)"


def _closed(definition: str, signature: str) -> str:
    return f"{definition}; REVOKE ALL ON FUNCTION fence.{signature} FROM PUBLIC"


class Migration(migrations.Migration):
    """Make the functions."""

    dependencies = [("accounts", "0005_organizations")]
    operations = [
        migrations.RunSQL(
            f"{DROP_MEMBERSHIPS}; {_closed(MEMBERSHIPS_OF, 'memberships_of(text, text)')}",
            f"{DROP_MEMBERSHIPS}; {_closed(MEMBERSHIPS_BEFORE, 'memberships_of(text, text)')}",
        ),
        migrations.RunSQL(
            _closed(DIRECTORY_PLACES, "directory_places(text)"), "DROP FUNCTION fence.directory_places(text)"
        ),
        migrations.RunSQL(
            _closed(FOLLOW_DIRECTORY, "follow_directory(text)"), "DROP FUNCTION fence.follow_directory(text)"
        ),
    ]

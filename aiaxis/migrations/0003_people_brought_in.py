"""How the members of another workspace come in: as persons whom nobody can sign in as, written by one function.

The application's role can write neither users nor memberships. The function believes a context of the whole workspace only,
which injected SQL cannot make, and an active owner of that workspace as whoever brings them. It makes new persons and touches
none that is there: no address, name or key in an export leads to anybody.
"""

from django.db import migrations

BRING_IN_PEOPLE = """
CREATE FUNCTION fence.bring_in_people(importer uuid, people jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
DECLARE
    place uuid := fence.current_workspace();
BEGIN
    IF NOT fence.is_whole() THEN
        RAISE EXCEPTION 'people are brought in with a whole workspace' USING ERRCODE = '42501';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM public.accounts_membership m
        JOIN public.accounts_user u ON u.id = m.user_id AND u.is_active
        JOIN public.accounts_workspace w ON w.id = m.workspace_id AND w.status = 'active'
        WHERE m.workspace_id = place AND m.id = importer AND m.role = 'owner' AND m.status = 'active'
    ) THEN
        RAISE EXCEPTION 'an owner brings people in' USING ERRCODE = '42501';
    END IF;
    INSERT INTO public.accounts_user (id, email, display_name, is_active, is_operator, created_at)
    SELECT (p->>'user')::uuid, (p->>'user') || '@imported.invalid', p->>'name', false, false, now()
    FROM jsonb_array_elements(people) AS p;
    INSERT INTO public.accounts_membership (id, workspace_id, user_id, role, status, display_name, email, created_at)
    SELECT (p->>'member')::uuid, place, (p->>'user')::uuid, CASE p->>'role' WHEN 'viewer' THEN 'viewer' ELSE 'member' END,
        CASE p->>'status' WHEN 'removed' THEN 'removed' ELSE 'suspended' END, p->>'name', (p->>'user') || '@imported.invalid',
        (p->>'since')::timestamptz
    FROM jsonb_array_elements(people) AS p;
END
$fence$
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("aiaxis", "0002_workspace_import")]
    operations = [
        migrations.RunSQL(
            f"{BRING_IN_PEOPLE}; REVOKE ALL ON FUNCTION fence.bring_in_people(uuid, jsonb) FROM PUBLIC",
            "DROP FUNCTION fence.bring_in_people(uuid, jsonb)",
        )
    ]

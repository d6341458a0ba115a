"""By which identity systems does the member who is bound prove who they are? Asked when all of their sessions are to end.

Somebody may come in by a password and by their company's sign-in as well; sessions of another workspace cannot be reached from this
one, and the identity systems can.
"""

from django.db import migrations

OWN_IDENTITIES = """
CREATE FUNCTION fence.own_identities() RETURNS TABLE (provider text, subject text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
    SELECT l.provider, l.subject
    FROM public.accounts_membership m JOIN public.accounts_identitylink l ON l.user_id = m.user_id
    WHERE m.workspace_id = fence.current_workspace() AND m.id = fence.current_member()
    ORDER BY 1, 2
$fence$
"""


class Migration(migrations.Migration):
    """Make the function."""

    dependencies = [("accounts", "0025_disconnected")]
    operations = [
        migrations.RunSQL(
            f"{OWN_IDENTITIES}; REVOKE ALL ON FUNCTION fence.own_identities() FROM PUBLIC",
            "DROP FUNCTION fence.own_identities()",
        )
    ]

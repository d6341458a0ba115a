"""A member's own SQL said how long its entries are kept, and put entries beside others under their ids; now the database says it."""

from django.db import migrations

POLICY = """
DROP POLICY workspace_insert ON audit_entry;
CREATE POLICY workspace_insert ON audit_entry FOR INSERT TO aiaxis_app
    WITH CHECK (workspace_id = (SELECT fence.current_workspace())
        AND (actor_id = (SELECT fence.current_member()) OR (actor_id IS NULL AND actor_type = 'system')
            OR (SELECT fence.is_whole())){more});
"""
OWN_TIME = POLICY.format(more="\n        AND retention = fence.retention_of(workspace_id, id)")
ANY_TIME = POLICY.format(more="")


class Migration(migrations.Migration):
    """Narrow the policy by which facts are added."""

    dependencies = [("audit", "0020_arrivals")]
    operations = [migrations.RunSQL(OWN_TIME, ANY_TIME)]

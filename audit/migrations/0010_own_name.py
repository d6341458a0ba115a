"""A member's own SQL wrote entries in a colleague's name; now it writes them in its own, and AiAxis' own work in none (L38)."""

from django.db import migrations

OWN_NAME = """
DROP POLICY workspace_insert ON audit_entry;
CREATE POLICY workspace_insert ON audit_entry FOR INSERT TO aiaxis_app
    WITH CHECK (workspace_id = (SELECT fence.current_workspace())
        AND (actor_id = (SELECT fence.current_member()) OR (actor_id IS NULL AND actor_type = 'system')
            OR (SELECT fence.is_whole())));
"""
ANY_NAME = """
DROP POLICY workspace_insert ON audit_entry;
CREATE POLICY workspace_insert ON audit_entry FOR INSERT TO aiaxis_app
    WITH CHECK (workspace_id = (SELECT fence.current_workspace()));
"""


class Migration(migrations.Migration):
    """Narrow the policy by which facts are added."""

    dependencies = [("audit", "0009_review_acts")]
    operations = [migrations.RunSQL(OWN_NAME, ANY_NAME)]

"""The trail tells what every member did, so only owners and admins read it, in raw SQL too (P5, "user ID where applicable")."""

from django.db import migrations

KEEPERS = """
DROP POLICY workspace_read ON audit_entry;
CREATE POLICY workspace_read ON audit_entry FOR SELECT TO aiaxis_app
    USING (workspace_id = (SELECT fence.current_workspace()) AND EXISTS (
        SELECT 1 FROM accounts_membership m WHERE m.workspace_id = (SELECT fence.current_workspace())
        AND m.id = (SELECT fence.current_member()) AND m.role IN ('owner', 'admin') AND m.status = 'active'));
"""
EVERY_MEMBER = """
DROP POLICY workspace_read ON audit_entry;
CREATE POLICY workspace_read ON audit_entry FOR SELECT TO aiaxis_app
    USING (workspace_id = (SELECT fence.current_workspace()));
"""


class Migration(migrations.Migration):
    """Narrow the policy by which a workspace reads its trail."""

    dependencies = [("audit", "0001_initial"), ("accounts", "0001_initial")]
    operations = [migrations.RunSQL(KEEPERS, EVERY_MEMBER)]

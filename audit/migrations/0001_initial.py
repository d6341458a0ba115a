"""The trail's table: partitioned, append-only, each workspace's own to read.

Django has no words for partitions, so the table is SQL and the model's state stands beside it. The primary key must
hold the partition keys; as a retry never changes an entry's class, the id is unique all the same.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

from audit import partitions
from audit.rules import Retention

TABLE = """
CREATE TABLE audit_entry (
    id uuid NOT NULL,
    retention varchar(4) NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    action varchar(48) NOT NULL,
    vocabulary varchar(48) NOT NULL,
    outcome varchar(8) NOT NULL,
    reason varchar(32) NOT NULL,
    severity varchar(8) NOT NULL,
    status smallint,
    workspace_id uuid,
    asked_workspace_id uuid,
    actor_type varchar(10) NOT NULL,
    actor_id uuid,
    actor_name varchar(128) NOT NULL,
    actor jsonb NOT NULL,
    target_type varchar(64) NOT NULL,
    target_id varchar(64) NOT NULL,
    request_id uuid,
    client_address inet,
    http jsonb NOT NULL,
    net jsonb NOT NULL,
    trace jsonb NOT NULL,
    refused_by varchar(64) NOT NULL,
    detail jsonb NOT NULL,
    fingerprint varchar(16) NOT NULL,
    CONSTRAINT audit_entry_pkey PRIMARY KEY (id, retention)
) PARTITION BY LIST (retention);
CREATE INDEX audit_entry_trail ON audit_entry (workspace_id, id DESC);
CREATE INDEX audit_entry_of_actor ON audit_entry (workspace_id, actor_id, id DESC);
CREATE INDEX audit_entry_of_action ON audit_entry (workspace_id, action, id DESC);
"""

# What no grant should allow is refused once more here, so that one careless grant does not open the trail. Only the
# tables' owner may empty them, who could drop them anyway; it serves no requests.
FINAL = """
CREATE FUNCTION fence.audit_is_final() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $audit$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_user = (SELECT relowner::regrole::text FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'audit entries are final: % is refused', TG_OP USING ERRCODE = '42501';
END
$audit$;
REVOKE ALL ON FUNCTION fence.audit_is_final() FROM PUBLIC;
CREATE TRIGGER audit_not_changed BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION fence.audit_is_final();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION fence.audit_is_final();
"""

# A workspace reads its own entries and writes facts into its own trail. The shipper writes for everybody and reads no
# more than ids (its grant says so), the sealer reads everything. An entry without a workspace is in nobody's trail.
POLICIES = """
ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_read ON audit_entry FOR SELECT TO aiaxis_app
    USING (workspace_id = (SELECT fence.current_workspace()));
CREATE POLICY workspace_insert ON audit_entry FOR INSERT TO aiaxis_app
    WITH CHECK (workspace_id = (SELECT fence.current_workspace()));
CREATE POLICY shipper_insert ON audit_entry FOR INSERT TO aiaxis_audit WITH CHECK (true);
CREATE POLICY shipper_read ON audit_entry FOR SELECT TO aiaxis_audit USING (true);
CREATE POLICY sealer_read ON audit_entry FOR SELECT TO aiaxis_seal USING (true);
"""

CLASSES = "\n".join(partitions.class_sql(retention) for retention in Retention)


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    TABLE + FINAL + POLICIES + CLASSES, "DROP TABLE audit_entry; DROP FUNCTION fence.audit_is_final()"
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Entry",
                    fields=[
                        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ("retention", models.CharField(choices=[("d30", "30 days"), ("d90", "90 days"), ("d365", "365 days"), ("y7", "7 years")], max_length=4)),
                        ("occurred_at", models.DateTimeField()),
                        ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("action", models.CharField(max_length=48)),
                        ("vocabulary", models.CharField(max_length=48)),
                        ("outcome", models.CharField(choices=[("allowed", "Allowed"), ("denied", "Refused"), ("failed", "Failed"), ("error", "Error")], max_length=8)),
                        ("reason", models.CharField(blank=True, max_length=32)),
                        ("severity", models.CharField(choices=[("info", "Info"), ("notice", "Notice"), ("warning", "Warning"), ("critical", "Critical")], max_length=8)),
                        ("status", models.SmallIntegerField(null=True)),
                        ("workspace_id", models.UUIDField(null=True)),
                        ("asked_workspace_id", models.UUIDField(null=True)),
                        ("actor_type", models.CharField(choices=[("member", "Member"), ("key", "API key"), ("job", "Background job"), ("operator", "Operator"), ("anonymous", "Nobody signed in"), ("system", "AiAxis")], max_length=10)),
                        ("actor_id", models.UUIDField(null=True)),
                        ("actor_name", models.CharField(blank=True, max_length=128)),
                        ("actor", models.JSONField(default=dict)),
                        ("target_type", models.CharField(blank=True, max_length=64)),
                        ("target_id", models.CharField(blank=True, max_length=64)),
                        ("request_id", models.UUIDField(null=True)),
                        ("client_address", models.GenericIPAddressField(null=True)),
                        ("http", models.JSONField(default=dict)),
                        ("net", models.JSONField(default=dict)),
                        ("trace", models.JSONField(default=dict)),
                        ("refused_by", models.CharField(blank=True, max_length=64)),
                        ("detail", models.JSONField(default=dict)),
                        ("fingerprint", models.CharField(max_length=16)),
                    ],
                    options={
                        "verbose_name_plural": "audit entries",
                        "base_manager_name": "objects",
                        "default_manager_name": "objects",
                        "indexes": [
                            models.Index(fields=["workspace_id", "-id"], name="audit_entry_trail"),
                            models.Index(fields=["workspace_id", "actor_id", "-id"], name="audit_entry_of_actor"),
                            models.Index(fields=["workspace_id", "action", "-id"], name="audit_entry_of_action"),
                        ],
                    },
                ),
            ],
        ),
    ]

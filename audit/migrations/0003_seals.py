"""The seals of the trail, and the list of entries that wait for one.

The list is filled by a trigger of the table itself, whoever inserts: a sealer that went by time or id would miss an entry
that waited in a spool while the database was away.
"""

import django.contrib.postgres.fields
from django.db import migrations, models


AWAITS = """
CREATE FUNCTION fence.audit_awaits_seal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
BEGIN
    INSERT INTO public.audit_unsealed (entry_id) SELECT id FROM new_entries ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$audit$;
REVOKE ALL ON FUNCTION fence.audit_awaits_seal() FROM PUBLIC;
CREATE TRIGGER audit_sealed_later AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION fence.audit_awaits_seal();
INSERT INTO audit_unsealed (entry_id) SELECT id FROM audit_entry;
"""
NO_LONGER = "DROP TRIGGER audit_sealed_later ON audit_entry; DROP FUNCTION fence.audit_awaits_seal()"
# A seal is as final as what it seals.
FINAL = """
CREATE TRIGGER audit_not_changed BEFORE UPDATE OR DELETE ON audit_seal
    FOR EACH ROW EXECUTE FUNCTION fence.audit_is_final();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION fence.audit_is_final();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_trail_keepers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Seal',
            fields=[
                ('seq', models.BigIntegerField(primary_key=True, serialize=False)),
                ('sealed_at', models.DateTimeField()),
                ('size', models.BigIntegerField()),
                ('ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('leaves', models.BinaryField()),
                ('digest', models.BinaryField(max_length=32)),
                ('note', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='Unsealed',
            fields=[
                ('entry_id', models.UUIDField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.RunSQL(AWAITS, NO_LONGER),
        migrations.RunSQL(FINAL, migrations.RunSQL.noop),
    ]

"""An entry is one, or it does not come in: its words are of the closed lists, its moments can be read, and so can its JSON.

A member's own SQL may add entries to its workspace's trail. One with a word, a moment or a number that no program of ours
writes broke whatever read it: no notification was decided or sent any more for anybody, and no operator saw the queue. The
columns that only say something are not looked at. NOT VALID: entries that are there already are final.
"""

from django.db import migrations

JSON = ("actor", "http", "net", "trace", "detail")
MOMENTS = ("occurred_at", "received_at")
# Python reads no whole number of more digits, and nothing that is nested a thousand times.
READABLE = """jsonb_typeof({name}) = 'object'
    AND NOT jsonb_path_exists({name}, '$.** ? (@.type() == "number" && (@ >= 1e4300 || @ <= -1e4300))')
    AND NOT jsonb_path_exists({name}, '$.**{{16}}')"""

IN_FORM = f"""
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_in_form CHECK (
    outcome IN ('allowed', 'denied', 'failed', 'error')
    AND severity IN ('info', 'notice', 'warning', 'critical')
    AND actor_type IN ('member', 'key', 'job', 'operator', 'anonymous', 'system')
    AND fingerprint ~ '^[0-9a-f]{{16}}$'
    AND {" AND ".join(f"{name} BETWEEN '1970-01-01 00:00Z' AND '9000-01-01 00:00Z'" for name in MOMENTS)}
    AND {" AND ".join(READABLE.format(name=name) for name in JSON)}
    AND coalesce(jsonb_typeof(http -> 'headers'), 'object') = 'object'
    AND CASE jsonb_typeof(detail -> 'burst') WHEN 'number' THEN (detail ->> 'burst')::numeric BETWEEN 1 AND 1e9 ELSE true END
) NOT VALID
"""


class Migration(migrations.Migration):
    """Add the check."""

    dependencies = [("audit", "0018_protection")]
    operations = [migrations.RunSQL(IN_FORM, "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_in_form")]

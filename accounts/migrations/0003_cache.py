"""The table of the counters that throttling counts with.

UNLOGGED: a write costs 0.2 ms, and what a crash of the server loses is at most a few minutes of counting; the lockouts,
which must not be lost, stand in the identity database.
"""

from django.db import migrations

CREATE = """
CREATE UNLOGGED TABLE accounts_cache (
    cache_key varchar(255) PRIMARY KEY,
    value jsonb NOT NULL,
    expires timestamptz
) WITH (fillfactor = 70);
CREATE INDEX accounts_cache_expires ON accounts_cache (expires) WHERE expires IS NOT NULL;
"""


class Migration(migrations.Migration):
    """Make the table of the cache."""

    dependencies = [("accounts", "0002_resolution")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE accounts_cache")]

"""The counters' keys are hashes from now on; those that were kept in clear named people's memberships, and go.

What is lost is what a restart of the database loses too: at most a few minutes of counting (`0003_cache`).
"""

from django.db import migrations


class Migration(migrations.Migration):
    """Empty the table of the cache."""

    dependencies = [("accounts", "0012_change_email")]
    operations = [migrations.RunSQL("DELETE FROM accounts_cache", migrations.RunSQL.noop)]

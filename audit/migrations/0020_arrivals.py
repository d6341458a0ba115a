"""What reached the trail since a moment is found without reading all of it: a program asks so for what came late."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the index."""

    dependencies = [("audit", "0019_entries_in_form")]
    operations = [
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["workspace_id", "received_at"], name="audit_entry_of_arrival"),
        ),
    ]

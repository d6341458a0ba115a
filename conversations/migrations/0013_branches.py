"""Messages become a tree; what is there already is one branch each."""

import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models

# What was said so far is one branch: each message follows the one before it.
ONE_AFTER_THE_OTHER = """
UPDATE conversations_message m SET parent_id = earlier.parent_id
FROM (SELECT id, lag(id) OVER (PARTITION BY workspace_id, conversation_id ORDER BY position) AS parent_id
      FROM conversations_message) earlier
WHERE earlier.id = m.id AND earlier.parent_id IS NOT NULL"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_glass'),
        ('conversations', '0012_keeping_functions'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='parent',
            field=accounts.tenancy.models.WorkspaceForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.message'),
        ),
        migrations.AddField(
            model_name='message',
            name='preference',
            field=models.IntegerField(default=0),
        ),
        migrations.RunSQL(ONE_AFTER_THE_OTHER, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['workspace', 'conversation', 'parent'], name='conversations_under_parent'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('workspace', 'conversation', 'id'), name='conversations_message_of_one'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=accounts.tenancy.constraints.CompositeForeignKey(column='parent_id', name='conversations_message_parent_id_fk', on_delete='CASCADE', to='conversations.Message', within='conversation_id'),
        ),
    ]

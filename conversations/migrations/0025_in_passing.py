"""What is said in passing, a program's call or a try of an agent, is a temporary conversation: one column says what nobody keeps, and when it goes."""

from django.db import migrations

MARK = """
UPDATE conversations_conversation v SET erased_after = now() + interval '2 hours', visibility = 'private'
WHERE EXISTS (SELECT 1 FROM conversations_trial t WHERE t.workspace_id = v.workspace_id AND t.conversation_id = v.id)
OR EXISTS (SELECT 1 FROM conversations_completion c WHERE c.workspace_id = v.workspace_id AND c.conversation_id = v.id)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0024_tool_calls'),
    ]

    operations = [
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name='completion',
            name='created_at',
        ),
        migrations.RemoveField(
            model_name='trial',
            name='created_at',
        ),
    ]

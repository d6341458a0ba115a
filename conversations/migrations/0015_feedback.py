"""What members say about answers."""

import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0020_limiting'),
        ('agents', '0009_starter_prompts'),
        ('conversations', '0014_archive'),
    ]

    operations = [
        migrations.CreateModel(
            name='Feedback',
            fields=[
                ('id', models.UUIDField(default=accounts.tenancy.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('is_helpful', models.BooleanField()),
                ('comment', models.CharField(blank=True, max_length=1000)),
                ('is_passed_on', models.BooleanField(default=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('agent', accounts.tenancy.models.WorkspaceForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='agents.agent')),
                ('message', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='conversations.message')),
                ('owner', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.membership')),
                ('workspace', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'agent', '-updated_at'], name='conversations_feedback_agent'), models.Index(fields=['workspace', 'owner'], name='conversations_feedback_owner')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'message'), name='conversations_feedback_once'), accounts.tenancy.constraints.MemberPolicy(insert='owner_id = {member} AND EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member} AND c.agent_id IS NOT DISTINCT FROM {table}.agent_id)', name='conversations_feedback_member', read='owner_id = {member}', write='owner_id = {member}'), models.UniqueConstraint(fields=('workspace', 'id'), name='conversations_feedback_workspace_id'), accounts.tenancy.constraints.RowLevelSecurity(name='conversations_feedback_rls'), accounts.tenancy.constraints.CompositeForeignKey(column='owner_id', name='conversations_feedback_owner_id_fk', on_delete='CASCADE', to='accounts.Membership'), accounts.tenancy.constraints.CompositeForeignKey(column='message_id', name='conversations_feedback_message_id_fk', on_delete='CASCADE', to='conversations.Message'), accounts.tenancy.constraints.CompositeForeignKey(column='agent_id', name='conversations_feedback_agent_id_fk', on_delete='SET_NULL', to='agents.Agent')],
            },
        ),
    ]

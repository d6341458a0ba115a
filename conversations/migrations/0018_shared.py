"""A conversation may be shared to be read; what is said in it is as readable as its sources."""

import accounts.tenancy.constraints
import accounts.tenancy.models
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0021_repeat'),
        ('agents', '0013_first_versions'),
        ('conversations', '0017_written_by_owners'),
        ('files', '0009_last_used'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConversationShare',
            fields=[
                ('id', models.UUIDField(default=accounts.tenancy.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('conversation', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shares', to='conversations.conversation')),
                ('member', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.membership')),
                ('owner', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.membership')),
                ('workspace', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['workspace', 'member'], include=('conversation',), name='conversations_share_of_member'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('workspace', 'conversation', 'member'), name='conversations_conversationshare_once'),
                    accounts.tenancy.constraints.OwnedForeignKey(column='conversation_id', name='conversations_conversationshare_conversation_id_fk', on_delete='CASCADE', to='conversations.Conversation'),
                    accounts.tenancy.constraints.MemberPolicy(insert="owner_id = {member} AND EXISTS (SELECT 1 FROM accounts_membership m WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.member_id AND m.status = 'active')", name='conversations_conversationshare_member', read='member_id = {member} OR owner_id = {member}', write='owner_id = {member}'),
                    models.UniqueConstraint(fields=('workspace', 'id'), name='conversations_conversationshare_workspace_id'),
                    accounts.tenancy.constraints.RowLevelSecurity(name='conversations_conversationshare_rls'),
                    accounts.tenancy.constraints.CompositeForeignKey(column='owner_id', name='conversations_conversationshare_owner_id_fk', on_delete='PROTECT', to='accounts.Membership'),
                    accounts.tenancy.constraints.CompositeForeignKey(column='member_id', name='conversations_conversationshare_member_id_fk', on_delete='CASCADE', to='accounts.Membership'),
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name='citation',
            name='conversations_citation_member',
        ),
        migrations.RemoveConstraint(
            model_name='completion',
            name='conversations_completion_member',
        ),
        migrations.RemoveConstraint(
            model_name='conversation',
            name='conversations_conversation_member',
        ),
        migrations.RemoveConstraint(
            model_name='delta',
            name='conversations_delta_member',
        ),
        migrations.RemoveConstraint(
            model_name='message',
            name='conversations_message_member',
        ),
        migrations.AddField(
            model_name='conversation',
            name='visibility',
            field=models.CharField(choices=[('private', 'Only you'), ('named', 'People you choose'), ('workspace', 'Everyone in the workspace')], default='private', max_length=10),
        ),
        migrations.AddField(
            model_name='message',
            name='sources',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
        ),
        migrations.AddConstraint(
            model_name='citation',
            constraint=accounts.tenancy.constraints.MemberPolicy(insert='EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member}) AND (file_id IS NULL OR EXISTS (SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = {table}.file_id)) AND (passage_id IS NULL OR EXISTS (SELECT 1 FROM files_passage p WHERE p.workspace_id = {table}.workspace_id AND p.id = {table}.passage_id))', name='conversations_citation_member', read='EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member}) OR (EXISTS (SELECT 1 FROM conversations_message m WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id) AND ({glass} OR EXISTS (SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = {table}.file_id)))', write='EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member})'),
        ),
        migrations.AddConstraint(
            model_name='completion',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='conversations_completion_member', read='EXISTS (SELECT 1 FROM conversations_conversation c WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id AND c.owner_id = {member}) OR {glass}', write='EXISTS (SELECT 1 FROM conversations_conversation c WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id AND c.owner_id = {member})'),
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=models.UniqueConstraint(fields=('workspace', 'id', 'owner'), name='conversations_conversation_owned'),
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=accounts.tenancy.constraints.MemberPolicy(insert='owner_id = {member} AND (agent_id IS NULL OR EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id))', name='conversations_conversation_member', read="owner_id = {member} OR visibility = 'workspace' OR (visibility = 'named' AND id IN (SELECT s.conversation_id FROM conversations_conversationshare s WHERE s.member_id = {member})) OR {glass}", write='owner_id = {member}'),
        ),
        migrations.AddConstraint(
            model_name='delta',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='conversations_delta_member', read='EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member}) OR {glass}', write='EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member})'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='conversations_message_member', read='EXISTS (SELECT 1 FROM conversations_conversation c WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id AND c.owner_id = {member}) OR (EXISTS (SELECT 1 FROM conversations_conversation c WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id) AND ({glass} OR NOT EXISTS (SELECT 1 FROM unnest({table}.sources) AS s (file_id) WHERE NOT EXISTS (SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = s.file_id))))', write='EXISTS (SELECT 1 FROM conversations_conversation c WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id AND c.owner_id = {member})'),
        ),
    ]

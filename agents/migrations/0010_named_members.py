"""An agent may be shared with chosen members; the policy of agents asks their shares."""

import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_glass'),
        ('agents', '0009_starter_prompts'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgentShare',
            fields=[
                ('id', models.UUIDField(default=accounts.tenancy.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('agent', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shares', to='agents.agent')),
                ('member', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.membership')),
                ('owner', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.membership')),
                ('workspace', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['workspace', 'member'], include=('agent',), name='agents_agentshare_of_member'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('workspace', 'agent', 'member'), name='agents_agentshare_once'),
                    accounts.tenancy.constraints.OwnedForeignKey(column='agent_id', name='agents_agentshare_agent_id_fk', on_delete='CASCADE', to='agents.Agent'),
                    accounts.tenancy.constraints.MemberPolicy(insert="owner_id = {member} AND EXISTS (SELECT 1 FROM accounts_membership m WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.member_id AND m.status = 'active')", name='agents_agentshare_member', read='member_id = {member} OR owner_id = {member}', write='owner_id = {member}'),
                    models.UniqueConstraint(fields=('workspace', 'id'), name='agents_agentshare_workspace_id'),
                    accounts.tenancy.constraints.RowLevelSecurity(name='agents_agentshare_rls'),
                    accounts.tenancy.constraints.CompositeForeignKey(column='owner_id', name='agents_agentshare_owner_id_fk', on_delete='PROTECT', to='accounts.Membership'),
                    accounts.tenancy.constraints.CompositeForeignKey(column='member_id', name='agents_agentshare_member_id_fk', on_delete='CASCADE', to='accounts.Membership'),
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name='agent',
            name='agents_agent_member',
        ),
        migrations.AlterField(
            model_name='agent',
            name='visibility',
            field=models.CharField(choices=[('private', 'Only you'), ('named', 'People you choose'), ('workspace', 'Everyone in the workspace')], default='private', max_length=10),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.UniqueConstraint(fields=('workspace', 'id', 'owner'), name='agents_agent_owned'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='agents_agent_member', read="owner_id = {member} OR visibility = 'workspace' OR (visibility = 'named' AND id IN (SELECT s.agent_id FROM agents_agentshare s WHERE s.member_id = {member})) OR {glass}", write='owner_id = {member}'),
        ),
    ]

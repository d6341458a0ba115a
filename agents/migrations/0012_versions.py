"""Each saved change of an agent is kept as a version, which its owner reads."""

import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0020_limiting'),
        ('agents', '0011_named_handed_over'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgentVersion',
            fields=[
                ('id', models.UUIDField(default=accounts.tenancy.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('restored_from', models.IntegerField(null=True)),
                ('content', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('agent', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='agents.agent')),
                ('author', accounts.tenancy.models.WorkspaceForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.membership')),
                ('workspace', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'agent', 'number'), name='agents_agentversion_number'), accounts.tenancy.constraints.MemberPolicy(insert='EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id AND a.owner_id = {member}) AND author_id = {member}', name='agents_agentversion_member', read='EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id AND a.owner_id = {member})', write='EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id AND a.owner_id = {member})'), models.UniqueConstraint(fields=('workspace', 'id'), name='agents_agentversion_workspace_id'), accounts.tenancy.constraints.RowLevelSecurity(name='agents_agentversion_rls'), accounts.tenancy.constraints.CompositeForeignKey(column='agent_id', name='agents_agentversion_agent_id_fk', on_delete='CASCADE', to='agents.Agent'), accounts.tenancy.constraints.CompositeForeignKey(column='author_id', name='agents_agentversion_author_id_fk', on_delete='PROTECT', to='accounts.Membership')],
            },
        ),
    ]

"""An operator's open visit reads conversations, and with them their messages (accounts/glass)."""

import accounts.tenancy.constraints
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_glass'),
        ('agents', '0008_glass'),
        ('conversations', '0005_begun_once'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='conversation',
            name='conversations_conversation_member',
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=accounts.tenancy.constraints.MemberPolicy(insert='owner_id = {member} AND (agent_id IS NULL OR EXISTS (SELECT 1 FROM agents_agent a WHERE a.workspace_id = {table}.workspace_id AND a.id = {table}.agent_id))', name='conversations_conversation_member', read='owner_id = {member} OR {glass}', write='owner_id = {member}'),
        ),
    ]

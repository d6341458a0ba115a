"""The member policy asks for the owner first, which is compared in less time than the visibility."""

import accounts.tenancy.constraints
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0002_answers'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='agent',
            name='agents_agent_member',
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='agents_agent_member', read="owner_id = {member} OR visibility = 'workspace'", write='owner_id = {member}'),
        ),
    ]

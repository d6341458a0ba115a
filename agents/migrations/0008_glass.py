"""An operator's open visit reads agents, private ones included (accounts/glass)."""

import accounts.tenancy.constraints
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_glass'),
        ('agents', '0007_model_functions'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='agent',
            name='agents_agent_member',
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='agents_agent_member', read="owner_id = {member} OR visibility = 'workspace' OR {glass}", write='owner_id = {member}'),
        ),
    ]

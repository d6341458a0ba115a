"""The member policy asks for the owner first, which is compared in less time than the visibility."""

import accounts.tenancy.constraints
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('files', '0004_policy_columns'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='file',
            name='files_file_member',
        ),
        migrations.AddConstraint(
            model_name='file',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='files_file_member', read="owner_id = {member} OR visibility = 'workspace'", write='owner_id = {member}'),
        ),
    ]

"""An operator's open visit reads files, private ones included, and with them their passages (accounts/glass)."""

import accounts.tenancy.constraints
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_glass'),
        ('files', '0006_console'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='file',
            name='files_file_member',
        ),
        migrations.AddConstraint(
            model_name='file',
            constraint=accounts.tenancy.constraints.MemberPolicy(name='files_file_member', read="owner_id = {member} OR visibility = 'workspace' OR {glass}", write='owner_id = {member}'),
        ),
    ]

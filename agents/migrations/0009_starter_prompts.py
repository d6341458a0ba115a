"""An agent has questions to start with, which are shown as buttons where a conversation begins."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0008_glass'),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='starter_prompts',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), default=list, size=6),
        ),
    ]

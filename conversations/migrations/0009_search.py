"""Words of titles and messages can be searched for; the indexes begin with the workspace."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_glass'),
        ('agents', '0008_glass'),
        ('conversations', '0008_daily_use_counted'),
    ]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='tsv',
            field=models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector('title', config='english'), output_field=django.contrib.postgres.search.SearchVectorField()),
        ),
        migrations.AddField(
            model_name='message',
            name='tsv',
            field=models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector('text', config='english'), output_field=django.contrib.postgres.search.SearchVectorField()),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=django.contrib.postgres.indexes.GinIndex(fields=['workspace', 'tsv'], name='conversations_title_words'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=django.contrib.postgres.indexes.GinIndex(fields=['workspace', 'tsv'], name='conversations_words'),
        ),
    ]

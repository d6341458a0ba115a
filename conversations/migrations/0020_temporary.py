"""A conversation may be temporary: in no list, and erased when its time is over."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0021_repeat'),
        ('agents', '0013_first_versions'),
        ('conversations', '0019_sharing_functions'),
    ]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='erased_after',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('erased_after__isnull', False)), fields=['workspace', 'erased_after'], name='conversations_temporary'),
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=models.CheckConstraint(condition=models.Q(('erased_after', None), ('visibility', 'private'), _connector='OR'), name='conversations_temporary_private'),
        ),
    ]

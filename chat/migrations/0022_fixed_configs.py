"""A config can be fixed before it answers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0021_fewer_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="pipelineconfig",
            name="fixed_at",
            field=models.DateTimeField(
                editable=False,
                help_text="Somebody relies on it from then on: nothing of it changes any more.",
                null=True,
            ),
        ),
    ]

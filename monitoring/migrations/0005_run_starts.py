from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0004_dataset_splits"),
    ]

    operations = [
        migrations.AlterField(
            model_name="evaluationrun",
            name="starts",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="How often a process took it up since it last got further."
            ),
        ),
    ]

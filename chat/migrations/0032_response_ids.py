"""How the server of a model named what it wrote; an empty text for calls of the past."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0031_mark_imported_calls"),
    ]

    operations = [
        migrations.AddField(
            model_name="llmcall",
            name="response_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="As the server named what it wrote.",
                max_length=200,
            ),
        ),
    ]

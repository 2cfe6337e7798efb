"""Calls that were imported say so: those of judges would otherwise count as made and paid here."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0029_api_use_unlogged")]
    operations = [
        migrations.AddField(
            model_name="llmcall",
            name="is_imported",
            field=models.BooleanField(
                db_default=False, default=False, help_text="It was made and paid elsewhere: no budget counts it."
            ),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0024_imported_turns")]

    operations = [
        migrations.AddField(
            model_name="turn",
            name="traceparent",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The trace that the request was part of, as W3C's header says it. Empty: of none.",
                max_length=55,
            ),
        ),
    ]

"""A hit of another system may have no score that is known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0026_client_conversations")]

    operations = [
        migrations.AlterField(
            model_name="hit",
            name="score",
            field=models.FloatField(help_text="Empty: unknown, of an answer that another system gave.", null=True),
        ),
    ]

"""A call without a turn says what it was made for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0015_origin_of_calls"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="llmcall",
            constraint=models.CheckConstraint(
                condition=models.Q(("turn__isnull", False), ("origin__isnull", False), _connector="OR"),
                name="chat_llmcall_has_origin",
            ),
        ),
    ]

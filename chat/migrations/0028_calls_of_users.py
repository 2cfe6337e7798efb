"""Whose budget a call counts for that was made without a turn, such as vectors by the API."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat", "0027_hits_of_other_systems"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="llmcall",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Whose budget it counts for, of a call without a turn. Empty: that of everything alone.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        AddIndexConcurrently(
            model_name="llmcall",
            index=models.Index(fields=["user"], condition=models.Q(user__isnull=False), name="chat_llmcall_user"),
        ),
    ]

"""Conversations of programs that keep their transcript themselves: how they are found again, and what was said before a
question where that is not what is stored. Configs that everybody may ask by name."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0025_turn_traceparent"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="pipelineconfig",
            name="is_offered",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Everybody may ask it by name over the OpenAI-compatible API. It changes no answer.",
            ),
        ),
        migrations.AddField(
            model_name="turn",
            name="given_history",
            field=models.JSONField(
                blank=True,
                help_text="What was said before, as the client sent it: pairs of question and answer, the last ones. Empty: the conversation's own.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="ClientConversation",
            fields=[
                (
                    "conversation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="client",
                        serialize=False,
                        to="chat.conversation",
                    ),
                ),
                (
                    "client_id",
                    models.CharField(blank=True, default="", help_text="As the client named it.", max_length=200),
                ),
                (
                    "before_sha256",
                    models.CharField(help_text="Of what was said before the last question.", max_length=64),
                ),
                (
                    "after_sha256",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Of that with question and answer. Empty: no answer yet.",
                        max_length=64,
                    ),
                ),
                ("asked_at", models.DateTimeField(help_text="The last question.")),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("after_sha256", ""), _negated=True),
                        fields=["user", "after_sha256", "-asked_at"],
                        name="chat_clientconversation_after",
                    ),
                    models.Index(fields=["user", "before_sha256", "-asked_at"], name="chat_clientconversation_before"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("client_id", ""), _negated=True),
                        fields=("user", "client_id"),
                        name="chat_clientconversation_id",
                    )
                ],
            },
        ),
    ]

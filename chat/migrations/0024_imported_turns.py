"""Where a conversation, a config and a turn were imported from, so that a second import adds nothing and lists can tell
them apart. What mode another system searched by is not known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0023_api_tokens"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="turn",
            name="chat_turn_search_mode",
        ),
        migrations.AddField(
            model_name="conversation",
            name="import_source",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Where it was imported from. Empty: it was held here.",
                max_length=100,
            ),
        ),
        migrations.AddField(
            model_name="pipelineconfig",
            name="import_source",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Where its answers were imported from: it never answers here. Empty: a config of this site.",
                max_length=100,
            ),
        ),
        migrations.AddField(
            model_name="turn",
            name="import_key",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What it was called where it was imported from. Empty: it was asked here.",
                max_length=200,
            ),
        ),
        migrations.AlterField(
            model_name="turn",
            name="search_mode",
            field=models.CharField(
                blank=True,
                help_text="As used: the user's choice or the config's. Empty: unknown, of an answer that another system gave.",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("import_source__gt", "")),
                fields=["import_source", "-created_at"],
                name="chat_conversation_imported",
            ),
        ),
        migrations.AddIndex(
            model_name="turn",
            index=models.Index(
                condition=models.Q(("import_key__gt", "")), fields=["-created_at"], name="chat_turn_imported"
            ),
        ),
        migrations.AddConstraint(
            model_name="turn",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("search_mode__in", ["text", "vector", "hybrid"]),
                    models.Q(("import_key__gt", ""), ("search_mode", "")),
                    _connector="OR",
                ),
                name="chat_turn_search_mode",
            ),
        ),
        migrations.AddConstraint(
            model_name="turn",
            constraint=models.UniqueConstraint(
                condition=models.Q(("import_key__gt", "")),
                fields=("conversation", "import_key"),
                name="chat_turn_import_once",
            ),
        ),
    ]

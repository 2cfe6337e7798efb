"""The groups `reviewer` and `operator`. A group says what its members may do; who may sign in to the admin at all is the
user's own "staff status"."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

REVIEWER = [
    "view_conversation",
    "view_turn",
    "view_hit",
    "view_llmcall",
    "view_feedback",
    "view_implicitsignal",
    "view_collection",
    "view_document",
]
OPERATOR = [
    *REVIEWER,
    "add_collection",
    "change_collection",
    "delete_collection",
    "add_document",
    "change_document",
    "delete_document",
    "view_embedder",
    "add_pipelineconfig",
    "view_pipelineconfig",
    "change_pipelineconfig",
    "delete_pipelineconfig",
    "add_modelprice",
    "view_modelprice",
    "change_modelprice",
    "delete_modelprice",
]
GROUPS = {"reviewer": REVIEWER, "operator": OPERATOR}


def make_groups(apps, schema_editor):
    alias = schema_editor.connection.alias
    # Django makes permissions after the last migration; on a fresh database they do not exist yet.
    app = apps.get_app_config("chat")
    app.models_module = True  # or Django takes the historical app for one without models
    create_permissions(app, apps=apps, using=alias, verbosity=0)
    app.models_module = None

    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        group, _ = Group.objects.using(alias).get_or_create(name=name)
        permissions = Permission.objects.using(alias).filter(content_type__app_label="chat", codename__in=codenames)
        group.permissions.add(*permissions)


def remove_groups(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_groups, remove_groups)]

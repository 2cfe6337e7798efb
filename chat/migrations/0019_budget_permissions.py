"""Operators manage budgets; reviewers see nothing of them."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

OPERATOR = ["add_budget", "view_budget", "change_budget", "delete_budget"]


def let_operators(apps, schema_editor):
    alias = schema_editor.connection.alias
    # Django makes permissions after the last migration; on a fresh database they do not exist yet.
    app = apps.get_app_config("chat")
    app.models_module = True  # or Django takes the historical app for one without models
    create_permissions(app, apps=apps, using=alias, verbosity=0)
    app.models_module = None

    group, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="operator")
    Permission = apps.get_model("auth", "Permission")
    group.permissions.add(
        *Permission.objects.using(alias).filter(content_type__app_label="chat", codename__in=OPERATOR)
    )


def let_nobody(apps, schema_editor):
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name="operator"):
        group.permissions.remove(*group.permissions.filter(content_type__app_label="chat", codename__in=OPERATOR))


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0018_budgets"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(let_operators, let_nobody)]

"""Operators make webhooks and send again what failed; reviewers do not see them."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

OPERATOR = [
    "view_webhook",
    "add_webhook",
    "change_webhook",
    "delete_webhook",
    "view_webhookdelivery",
    "change_webhookdelivery",
]


def permit(apps, schema_editor):
    alias = schema_editor.connection.alias
    # Django makes permissions after the last migration; on a fresh database they do not exist yet.
    app = apps.get_app_config("monitoring")
    app.models_module = True  # or Django takes the historical app for one without models
    create_permissions(app, apps=apps, using=alias, verbosity=0)
    app.models_module = None
    for group, permissions in _found(apps, alias):
        group.permissions.add(*permissions)


def forbid(apps, schema_editor):
    for group, permissions in _found(apps, schema_editor.connection.alias):
        group.permissions.remove(*permissions)


def _found(apps, alias):
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    # an administrator may have removed the group; then nobody is to get these permissions
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name="operator"):
        yield group, permissions.filter(content_type__app_label="monitoring", codename__in=OPERATOR)


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0025_webhooks")]

    operations = [migrations.RunPython(permit, forbid)]

"""Operators may export turns; reviewers read them here, one by one."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

OPERATOR = ["view_export", "export_turns"]


def permit(apps, schema_editor):
    alias = schema_editor.connection.alias
    # Django makes permissions after the last migration; on a fresh database they do not exist yet.
    app = apps.get_app_config("monitoring")
    app.models_module = True  # or Django takes the historical app for one without models
    create_permissions(app, apps=apps, using=alias, verbosity=0)
    app.models_module = None
    for group, permissions in _groups(apps, alias):
        group.permissions.add(*permissions)


def forbid(apps, schema_editor):
    for group, permissions in _groups(apps, schema_editor.connection.alias):
        group.permissions.remove(*permissions)


def _groups(apps, alias):
    Permission = apps.get_model("auth", "Permission")
    permissions = Permission.objects.using(alias).filter(content_type__app_label="monitoring", codename__in=OPERATOR)
    # an administrator may have removed the group; then nobody is to get these permissions
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name="operator"):
        yield group, permissions


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0027_exports")]

    operations = [migrations.RunPython(permit, forbid)]

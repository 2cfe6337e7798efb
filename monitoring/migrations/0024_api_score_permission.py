"""Operators may send scores for any turn by the API; all others for their own turns."""

from django.db import migrations


def permit(apps, schema_editor):
    for group, permissions in _found(apps, schema_editor.connection.alias):
        group.permissions.add(*permissions)


def forbid(apps, schema_editor):
    for group, permissions in _found(apps, schema_editor.connection.alias):
        group.permissions.remove(*permissions)


def _found(apps, alias):
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    # an administrator may have removed the group; then nobody is to get the permission
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name="operator"):
        yield group, permissions.filter(content_type__app_label="monitoring", codename="add_score")


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0023_api_scores")]

    operations = [migrations.RunPython(permit, forbid)]

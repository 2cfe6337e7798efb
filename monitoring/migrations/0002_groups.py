"""What the groups `reviewer` and `operator` may do with datasets and evaluation runs."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

MODELS = [
    "dataset",
    "datasetversion",
    "datasetitem",
    "relevantdocument",
    "evaluationrun",
    "evaluationitem",
    "itemscore",
]
CHANGED_BY_HAND = ["dataset", "datasetversion", "datasetitem", "relevantdocument", "evaluationrun"]
REVIEWER = [f"view_{model}" for model in MODELS]
OPERATOR = [*REVIEWER, *(f"{verb}_{model}" for model in CHANGED_BY_HAND for verb in ("add", "change"))]
GROUPS = {"reviewer": REVIEWER, "operator": OPERATOR}


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
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        # an administrator may have removed the group; then nobody is to get these permissions
        for group in Group.objects.using(alias).filter(name=name):
            yield (
                group,
                Permission.objects.using(alias).filter(content_type__app_label="monitoring", codename__in=codenames),
            )


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_datasets_and_runs"),
        ("chat", "0002_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(permit, forbid)]

"""Judges without a model say so in their name, and groups may see and do what judging and reviewing brought."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

NEW_NAMES = {"groundedness": "groundedness_offline", "answer_relevance": "relevance"}

SEEN = ["judgeversion", "judgerule", "score", "backfill", "flag", "reviewitem", "review", "correctedanswer", "replay"]
VIEW = [f"view_{model}" for model in SEEN]
# A reviewer decides, corrects and adds to datasets; an operator says who judges what.
REVIEWER = [
    *VIEW,
    *(f"{verb}_{model}" for model in ("review", "correctedanswer", "replay") for verb in ("add", "change")),
    "change_reviewitem",
    "add_datasetitem",
]
OPERATOR = [
    *VIEW,
    *(f"{verb}_{model}" for model in ("judgerule", "backfill") for verb in ("add", "change")),
    "delete_judgerule",
]
GROUPS = {"reviewer": REVIEWER, "operator": OPERATOR}


def rename(apps, schema_editor):
    _rename(apps, schema_editor, NEW_NAMES)


def rename_back(apps, schema_editor):
    _rename(apps, schema_editor, {new: old for old, new in NEW_NAMES.items()})


def _rename(apps, schema_editor, names):
    scores = apps.get_model("monitoring", "ItemScore").objects.using(schema_editor.connection.alias)
    for old, new in names.items():
        scores.filter(name=old).update(name=new)


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
    dependencies = [("monitoring", "0009_judging_and_reviews")]

    operations = [
        migrations.RunPython(rename, rename_back),
        migrations.RunPython(permit, forbid),
    ]

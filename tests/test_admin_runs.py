"""Evaluation runs in the admin: who may open which page, what it shows, and at what cost in queries."""

import importlib

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection

pytestmark = pytest.mark.django_db


def _permissions(group: str) -> set[str]:
    permissions = Group.objects.get(name=group).permissions.filter(content_type__app_label="monitoring")
    return set(permissions.values_list("codename", flat=True))


def test_groups_have_their_permissions():
    reviewer, operator = _permissions("reviewer"), _permissions("operator")

    assert reviewer == {
        "view_dataset", "view_datasetversion", "view_datasetitem", "view_relevantdocument",
        "view_evaluationrun", "view_evaluationitem", "view_itemscore",
    }  # fmt: skip
    assert reviewer < operator
    assert {"add_evaluationrun", "change_evaluationrun", "add_dataset", "change_dataset"} < operator
    assert not {"change_evaluationitem", "delete_evaluationrun", "delete_dataset"} & operator


def test_groups_migration_goes_back_and_forth():
    migration = importlib.import_module("monitoring.migrations.0002_groups")

    with connection.schema_editor() as editor:
        migration.forbid(apps, editor)
        assert _permissions("operator") == set()
        migration.permit(apps, editor)

    assert len(_permissions("operator")) == 17

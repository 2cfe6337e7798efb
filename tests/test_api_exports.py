"""Exports by the API: ordered, followed, downloaded, deleted, by who may."""

import json

import pytest
from django.contrib.auth.models import Group, Permission

from monitoring.exports import working
from monitoring.exports.orders import start_export
from monitoring.models import Export
from tests.api_clients import api_client
from tests.exported import make_full_turns
from tests.factories import make_user

pytestmark = pytest.mark.django_db
EXPORTS = "/api/v1/exports/"


@pytest.fixture
def operator():
    user = make_user()
    user.groups.set(Group.objects.filter(name="operator"))
    return user


def finished(**options):
    export = start_export(typed={}, **options)
    working.work_on(export.pk, 60)
    return export


def test_export_is_ordered_followed_downloaded_and_deleted(operator):
    turns = make_full_turns()
    client = api_client(operator, ["admin"])

    ordered = client.post(EXPORTS, {"filters": {"vote": "down"}, "users": "names"}, format="json")
    assert ordered.status_code == 201, ordered.content
    url = f"{EXPORTS}{ordered.json()['id']}/"
    assert client.get(url).json()["status"] == "QUEUED"
    assert client.get(f"{url}file/").json()["code"] == "not_finished"
    working.work_on(ordered.json()["id"], 60)

    shown = client.get(url).json()
    assert (shown["status"], shown["done_turns"], shown["filters"]["origin"]) == ("DONE", 1, "USER")
    file = client.get(f"{url}file/")
    assert file["Content-Type"] == "application/jsonl"
    assert json.loads(file.getvalue())["id"] == str(turns[0].pk)
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("file_format", "accept"),
    [("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet"), ("jsonl", "*/*")],
)
def test_file_has_the_format_that_was_ordered(operator, file_format, accept):
    make_full_turns()
    export = finished(file_format=file_format)

    response = api_client(operator).get(f"{EXPORTS}{export.pk}/file/", headers={"Accept": accept})

    assert response.status_code == 200
    assert f"turns-{export.pk}.{file_format}" in response["Content-Disposition"]
    assert response.getvalue()[:4] in (b"PAR1", b"\xef\xbb\xbfi", b'{"sc')


def test_same_order_with_its_key_is_made_once(operator):
    client, headers = api_client(operator), {"Idempotency-Key": "nightly"}

    first = client.post(EXPORTS, {}, format="json", headers=headers)
    again = client.post(EXPORTS, {}, format="json", headers=headers)

    assert first.json()["id"] == again.json()["id"]
    assert Export.objects.count() == 1


def test_export_is_cancelled_once(operator):
    export = start_export(typed={})
    client = api_client(operator)

    assert client.post(f"{EXPORTS}{export.pk}/cancel/").json()["status"] == "CANCELLED"
    assert client.post(f"{EXPORTS}{export.pk}/cancel/").status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"filters": {"collection": 123456}}, 422, "There is no collection 123456"),
        ({"filters": {"vote": "maybe"}}, 400, "vote"),
        ({"filters": {"since": "2026-03-02T00:00Z", "until": "2026-03-01T00:00Z"}}, 400, "until"),
        ({"file_format": "xlsx"}, 400, "file_format"),
    ],
)
def test_order_that_cannot_be_is_a_problem(operator, body, status, detail):
    response = api_client(operator).post(EXPORTS, body, format="json")

    assert response.status_code == status
    assert detail in response.json()["detail"]
    assert not Export.objects.exists()


def test_only_who_may_export_and_read_turns_may(operator, alice):
    url = f"{EXPORTS}{finished().pk}/"
    reviewer, exporter = make_user(), make_user()
    reviewer.groups.set(Group.objects.filter(name="reviewer"))
    exporter.user_permissions.set(Permission.objects.filter(codename="export_turns"))

    statuses = {
        name: [client.get(EXPORTS).status_code, client.get(f"{url}file/").status_code, client.delete(url).status_code]
        for name, client in {
            "anonymous": api_client(),
            "user": api_client(alice),
            "reviewer": api_client(reviewer),
            "may export, but not read": api_client(exporter),
            "operator with another scope": api_client(operator, ["chat", "read", "score"]),
            "operator": api_client(operator, ["admin"]),
        }.items()
    }

    assert statuses == {
        "anonymous": [401, 401, 401],
        "user": [403, 403, 403],
        "reviewer": [403, 403, 403],
        "may export, but not read": [403, 403, 403],
        "operator with another scope": [403, 403, 403],
        "operator": [200, 200, 204],
    }


@pytest.mark.parametrize(
    ("body", "field"), [({"format": "csv"}, "format"), ({"filters": {"orign": "API"}}, "filters.orign")]
)
def test_mistyped_field_is_refused_and_nothing_is_exported(operator, body, field):
    response = api_client(operator, ["admin"]).post(EXPORTS, body, format="json")

    assert (response.status_code, [error["field"] for error in response.json()["errors"]]) == (400, [field])
    assert not Export.objects.exists()

"""The page of exports: who may, ordering one from the list of turns, progress, the file, and what the log says."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from monitoring.exports import working
from monitoring.exports.orders import start_export
from monitoring.models import Export
from tests.exported import make_full_turns
from tests.factories import make_user

pytestmark = pytest.mark.django_db
LIST = reverse("admin:monitoring_export_changelist")
FORM = {"file_format": "jsonl", "users": "ids", "with_texts": "on", "origin": "USER"}


def signed_in(*groups):
    user = make_user(is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator():
    return signed_in("operator")


@pytest.fixture
def done():
    make_full_turns()
    export = start_export(typed={})
    working.work_on(export.pk, 60)
    return export


def address(name, export):
    return reverse(f"admin:monitoring_export_{name}", args=[export.pk])


def test_empty_page_offers_the_form(operator):
    html = operator.get(LIST).content.decode()

    assert "Nothing was exported yet" in html
    assert 'id="order-export"' in html


def test_list_of_turns_leads_to_an_export_of_what_it_shows(operator):
    turns = make_full_turns()
    shown = operator.get(reverse("admin:chat_turn_changelist"), {"vote": "down", "origin": "USER", "q": "days"})

    assert "an export knows no q" in shown.content.decode()
    url = shown.context["export_url"]
    assert url == f"{LIST}?vote=down&origin=USER"
    form = operator.get(url).context["form"]
    response = operator.post(LIST, FORM | {name: form[name].value() or "" for name in ("vote", "origin")})

    assert response.status_code == 302
    export = Export.objects.get()
    assert (export.words.split(", ")[0], export.choice["vote"]) == ("origin USER", "down")
    working.work_on(export.pk, 60)
    response = operator.get(address("download", export))
    assert [json.loads(line)["id"] for line in response.getvalue().splitlines()] == [str(turns[0].pk)]


def test_file_is_sent_as_one_to_keep_and_the_log_says_who_took_it(operator, done):
    response = operator.get(address("download", done))

    assert response["Content-Disposition"] == f'attachment; filename="turns-{done.pk}.jsonl"'
    assert response["Content-Length"] == str(len(response.getvalue()))
    assert "no-store" in response["Cache-Control"]
    assert "Downloaded" in LogEntry.objects.get().change_message


def test_what_cannot_be_is_said_beside_the_form(operator):
    response = operator.post(LIST, FORM | {"since": "yesterday"})

    assert response.status_code == 422
    assert "since=yesterday is no time" in response.content.decode()
    assert not Export.objects.exists()


def test_row_asks_again_while_the_file_is_made(operator, done):
    going = start_export(typed={})

    assert "every 2s" in operator.get(address("row", going)).content.decode()
    html = operator.get(address("row", done)).content.decode()
    assert "every 2s" not in html
    assert "3 turns" in html
    assert address("download", done) in html
    assert f"Export {done.pk}: the file is ready." in html  # said aloud


def test_export_is_cancelled_and_removed(operator, done):
    going = start_export(typed={})

    operator.post(address("cancel", going))
    operator.post(address("delete", done))

    assert [export.status for export in Export.objects.all()] == ["CANCELLED"]
    assert operator.get(address("download", going)).status_code == 302  # to the page, which says that there is none


@pytest.mark.parametrize("page", ["list", "row", "download", "cancel", "delete"])
def test_only_operators_may(page, done, alice):
    url = LIST if page == "list" else address(page, done)
    clients = {"anonymous": Client(), "user": Client(), "reviewer": signed_in("reviewer")}
    clients["user"].force_login(alice)

    statuses = {
        name: (client.post(url) if page in ("cancel", "delete") else client.get(url)).status_code
        for name, client in clients.items()
    }

    assert statuses == {"anonymous": 302, "user": 302, "reviewer": 403}
    assert Export.objects.get().is_done
    reviewer = clients["reviewer"].get(reverse("admin:chat_turn_changelist")).content.decode()
    assert "export-these" not in reviewer


def test_what_changes_something_wants_a_post(operator, done):
    assert operator.get(address("cancel", done)).status_code == 405
    assert operator.get(address("delete", done)).status_code == 405

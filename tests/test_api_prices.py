"""Prices of models by the API: read, and followed by new ones; none is changed."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry

from chat.models import ModelPrice
from chat.services.prices import price_overrides
from tests.api_clients import api_client
from tests.factories import make_call
from tests.judged import ago
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
PRICES = "/api/v1/model-prices/"


@pytest.fixture
def client():
    return api_client(make_member("operator"))


def add(client, **changes):
    body = {"model": "fake/default", "input_usd_per_million": "1.5", "output_usd_per_million": 2, **changes}
    return client.post(PRICES, body, format="json")


def test_price_holds_from_now_on_and_old_calls_keep_theirs(client):
    call = make_call(model="fake/default", cost_usd=Decimal("0.5"))
    price_overrides()

    added = add(client, cached_input_usd_per_million="0.75")

    shown = added.json()
    assert (added.status_code, shown["input_usd_per_million"], shown["output_usd_per_million"]) == (
        201,
        "1.500000",
        "2.000000",
    )
    assert datetime.fromisoformat(shown["valid_from"]) > ago(minutes=1)
    assert [price.cached_input_usd_per_million for price in price_overrides()] == [Decimal("0.75")]
    call.refresh_from_db()
    assert call.cost_usd == Decimal("0.5")
    assert LogEntry.objects.filter(object_id=str(shown["id"]), action_flag=1).exists()


def test_next_price_stands_beside_the_earlier_one(client):
    add(client, valid_from="2026-01-01T00:00:00Z")
    add(client, valid_from="2026-03-01T00:00:00Z", input_usd_per_million="1")
    add(client, model="fake/other")

    found = client.get(PRICES, {"model": "fake/default"}).json()["results"]

    assert [(one["valid_from"][:7], one["input_usd_per_million"]) for one in found] == [
        ("2026-03", "1.000000"),
        ("2026-01", "1.500000"),
    ]
    assert_problem(client.patch(f"{PRICES}{found[0]['id']}/", {}, format="json"), 404, "not_found")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "default"}, "model"),
        ({"model": ""}, "model"),
        ({"input_usd_per_million": "-1"}, "input_usd_per_million"),
        ({"output_usd_per_million": None}, "output_usd_per_million"),
        ({"output_usd_per_million": "9999999"}, "output_usd_per_million"),
        ({"cached_input_usd_per_million": -1}, "cached_input_usd_per_million"),
        ({"valid_from": "tomorrow"}, "valid_from"),
        ({"valid_from": "0001-01-01T00:00:00Z"}, "valid_from"),
    ],
)
def test_price_that_cannot_be_is_refused_by_field(client, changes, field):
    [error] = assert_problem(add(client, **changes), 400, "invalid")["errors"]

    assert error["field"] == field
    assert not ModelPrice.objects.exists()


def test_two_prices_of_one_moment_are_refused(client):
    add(client, valid_from="2026-01-01T00:00:00Z")

    again = add(client, valid_from="2026-01-01T00:00:00Z", input_usd_per_million="3")

    assert "unique" in assert_problem(again, 400, "invalid")["detail"]
    assert ModelPrice.objects.count() == 1


def test_same_request_sets_one_price(client):
    body = {"model": "fake/default", "input_usd_per_million": "1", "output_usd_per_million": "2"}

    ids = {client.post(PRICES, body, format="json", headers={"Idempotency-Key": "p"}).json()["id"] for _ in range(2)}

    assert (len(ids), ModelPrice.objects.count()) == (1, 1)


def test_prices_are_for_operators(alice):
    assert_problem(add(api_client(alice)), 403, "permission_missing")
    assert_problem(add(api_client(make_member("reviewer"))), 403, "permission_missing")
    assert_problem(add(api_client(make_member("operator"), ["read"])), 403, "scope_missing")

"""The ledger against an invoice. Differences are written out."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from chat.models import LLMCall
from tests.factories import make_call, make_turn

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    """Calls of two days of October, and one that no invoice has."""
    turn = make_turn()
    for day, values in [
        (3, {"cost_usd": Decimal("1.05"), "response_model": "gpt-4o-mini-2024-07-18"}),
        (3, {"cost_usd": Decimal("0.05"), "tokens_estimated": True}),
        (3, {"cost_usd": None}),
        (4, {"cost_usd": Decimal("2"), "model": "openai/gpt-4o"}),
        (4, {"cost_usd": Decimal("9"), "model": "house/gpt-4o"}),
        (4, {"cost_usd": Decimal("9"), "origin": "SYNTHETIC"}),
    ]:
        call = make_call(turn=turn, **values)
        LLMCall.objects.filter(pk=call.pk).update(created_at=datetime(2026, 10, day, 23, 59, tzinfo=UTC))


def reconcile(tmp_path, capsys, text: str, **options) -> list[list[str]]:
    path = tmp_path / "invoice.csv"
    path.write_text(text)
    call_command("reconcile_costs", path, provider="openai", **options)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_days_are_compared_by_model(calls, tmp_path, capsys):
    lines = reconcile(
        tmp_path,
        capsys,
        "Date,Model,Cost (USD)\n2026-10-03,gpt-4o-mini-2024-07-18,1.00\n2026-10-04T00:00:00Z,gpt-4o,$2.50\n",
        usd="Cost (USD)",
    )

    assert lines[1:5] == [
        ["2026-10-03", "gpt-4o-mini", "0.0000", "0.0500", "not", "on", "the", "invoice", "2", "1", "1"],
        ["2026-10-03", "gpt-4o-mini-2024-07-18", "1.0000", "1.0500", "+5.0%", "1", "0", "0"],
        ["2026-10-04", "gpt-4o", "2.5000", "2.0000", "-20.0%", "1", "0", "0"],
        ["all", "3.5000", "3.1000", "-11.4%", "4", "1", "1"],
    ]
    assert " ".join(lines[5]).startswith("Calls whose cost is unknown: 1.")


def test_months_are_compared_whole(calls, tmp_path, capsys):
    lines = reconcile(tmp_path, capsys, "month;model;usd\n2026-10;gpt-4o;2\n2026-10;gpt-4o-mini;1.10\n")

    assert lines[1:4] == [
        ["2026-10", "gpt-4o", "2.0000", "2.0000", "+0.0%", "1", "0", "0"],
        ["2026-10", "gpt-4o-mini", "1.1000", "1.1000", "+0.0%", "3", "1", "1"],
        ["all", "3.1000", "3.1000", "+0.0%", "4", "1", "1"],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "Which column is the date"),
        ("date,model,usd\nyesterday,gpt-4o,1\n", 'Line 2: "yesterday" is no day'),
        ("date,model,usd\n2026-10-03,gpt-4o,lots\n", 'Line 2: "lots" is no amount of dollars'),
        ("date,model,usd\n", "has no lines below its head"),
    ],
)
def test_what_is_no_invoice_is_said(tmp_path, capsys, text, message):
    with pytest.raises(CommandError, match=message):
        reconcile(tmp_path, capsys, text)

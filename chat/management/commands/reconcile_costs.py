"""`manage.py reconcile_costs invoice.csv --provider openai`: does the ledger say what the provider bills?"""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.exceptions import ChatError
from chat.services.reconciling import Compared, InvoiceError, compare, read_invoice
from chat.services.records import ReadProblem, Record, read_records

HEAD = ("day", "model", "invoice", "ledger", "difference", "calls", "of unknown cost", "estimated")


class Command(BaseCommand):
    help = (
        "Compare a provider's invoice (CSV with a day or month, a model and dollars) with the calls recorded here, by"
        " day and model: the difference in percent, and the calls whose cost is unknown or estimated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("invoice", type=Path)
        parser.add_argument("--provider", required=True, help='as in "provider/model", for example openai')
        for name in ("date", "model", "usd"):
            parser.add_argument(f"--{name}", default="", metavar="COLUMN", help="default: found by its usual names")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["invoice"]
        try:
            columns, rows = read_records(name=path.name, data=path.read_bytes())
            invoice = read_invoice(
                columns, _rows(rows), names={name: options[name] for name in ("date", "model", "usd")}
            )
        except (OSError, ChatError) as error:
            raise CommandError(str(error)) from error
        found = compare(invoice, provider=options["provider"])
        whole = Compared()
        lines: list[tuple[str, ...]] = [HEAD]
        for (day, model), one in found.items():
            lines.append(_line(f"{day:%Y-%m}" if invoice.by_month else f"{day}", model, one))
            for name in ("invoiced_usd", "ledger_usd", "calls", "unknown_calls", "estimated_calls"):
                setattr(whole, name, getattr(whole, name) + getattr(one, name))
        lines.append(_line("all", "", whole))
        widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
        for line in lines:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if whole.unknown_calls:
            self.stdout.write(
                f"Calls whose cost is unknown: {whole.unknown_calls}. They are in no sum: part of the difference may be"
                " theirs."
            )


def _rows(rows: Iterator[Record | ReadProblem]) -> Iterator[tuple[int, Mapping[str, str]]]:
    for row in rows:
        if isinstance(row, ReadProblem):
            raise InvoiceError(str(row))
        yield row.line, {name: str(value) for name, value in row.fields.items()}


def _line(day: str, model: str, one: Compared) -> tuple[str, ...]:
    ratio = one.difference_ratio
    return (
        day,
        model,
        _usd(one.invoiced_usd),
        _usd(one.ledger_usd),
        "not on the invoice" if ratio is None else f"{ratio:+.1%}",
        str(one.calls),
        str(one.unknown_calls),
        str(one.estimated_calls),
    )


def _usd(value: Decimal) -> str:
    return f"{value:.4f}"

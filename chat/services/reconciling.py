"""The ledger held against a provider's invoice: the same month, by day and model, and what differs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.db.models import Count, DateField, Q, Sum
from django.db.models.functions import TruncDate

from chat.exceptions import ChatError
from chat.models import LLMCall
from chat.models.conversation import Origin

DATE_NAMES = ("date", "day", "start_time", "timestamp", "time", "month")
MODEL_NAMES = ("model", "model_name", "snapshot_id", "line_item")
USD_NAMES = ("usd", "cost_usd", "amount_usd", "amount", "amount_value", "cost", "total")


class InvoiceError(ChatError):
    """A file is no invoice that can be read; the message names the line or the columns."""

    code = "invoice"


@dataclass(frozen=True, slots=True)
class Line:
    """Dollars of one model on one day (UTC), or in one month where `day` is its first and the invoice has months."""

    day: date
    model: str
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a provider bills. `by_month`: it has no days."""

    lines: tuple[Line, ...]
    by_month: bool


@dataclass(slots=True)
class Compared:
    """A day's or month's figures of one model."""

    invoiced_usd: Decimal = field(default_factory=Decimal)
    ledger_usd: Decimal = field(default_factory=Decimal)  # of calls whose cost is known
    calls: int = 0
    unknown_calls: int = 0  # whose cost is not known, in no sum
    estimated_calls: int = 0  # whose tokens were not counted by the server

    @property
    def difference_ratio(self) -> float | None:
        """What the ledger has more (or less, below 0) than the invoice; None where the invoice has nothing."""
        return float((self.ledger_usd - self.invoiced_usd) / self.invoiced_usd) if self.invoiced_usd else None


def read_invoice(
    columns: list[str], rows: Iterable[tuple[int, Mapping[str, str]]], *, names: Mapping[str, str]
) -> Invoice:
    """Return the lines of a table, given by line number. `names` says the columns "date", "model" and "usd"; those that
    it leaves out are found by their usual names. Raises InvoiceError."""
    chosen = {
        "date": names.get("date") or _column(columns, DATE_NAMES, "date"),
        "model": names.get("model") or _column(columns, MODEL_NAMES, "model"),
        "usd": names.get("usd") or _column(columns, USD_NAMES, "usd"),
    }
    for option, name in chosen.items():
        if name not in columns:
            raise InvoiceError(f'There is no column "{name}" for --{option}. There are: {", ".join(columns)}.')
    lines, by_month = [], False
    for number, row in rows:
        day, is_month = _day(row[chosen["date"]], number)
        by_month = by_month or is_month
        lines.append(Line(day, row[chosen["model"]].strip(), _usd(row[chosen["usd"]], number)))
    if not lines:
        raise InvoiceError("The file has no lines below its head.")
    if by_month:
        lines = [Line(line.day.replace(day=1), line.model, line.usd) for line in lines]
    return Invoice(tuple(lines), by_month)


def compare(invoice: Invoice, *, provider: str) -> dict[tuple[date, str], Compared]:
    """Return the figures by day (or month) and model, of all days from the invoice's first to its last. One query.

    Models are named as the provider does, without "provider/": a call counts for the model as the server named it where
    the invoice has that one, else for the model as it was asked for. Synthetic traffic was never billed.
    """
    found: dict[tuple[date, str], Compared] = defaultdict(Compared)
    for line in invoice.lines:
        found[line.day, line.model].invoiced_usd += line.usd
    billed = {line.model for line in invoice.lines}
    days = [line.day for line in invoice.lines]
    since = datetime.combine(min(days), datetime.min.time(), UTC)
    last = max(days)
    ends = (last.replace(day=28) + timedelta(days=4)).replace(day=1) if invoice.by_month else last + timedelta(days=1)
    calls = LLMCall.objects.filter(
        model__startswith=f"{provider}/",
        created_at__gte=since,
        created_at__lt=datetime.combine(ends, datetime.min.time(), UTC),
    ).exclude(Q(origin=Origin.SYNTHETIC) | Q(origin=None, turn__origin=Origin.SYNTHETIC))
    # What was asked elsewhere is on another invoice.
    calls = calls.filter(is_imported=False)
    sums = (
        calls.order_by()
        .annotate(day=TruncDate("created_at", tzinfo=UTC, output_field=DateField()))
        .values("day", "model", "response_model")
        .annotate(
            calls=Count("pk"),
            usd=Sum("cost_usd"),
            unknown=Count("pk", filter=Q(cost_usd=None)),
            estimated=Count("pk", filter=Q(cost_usd__isnull=False, tokens_estimated=True)),
        )
    )
    for row in sums:
        asked, named = row["model"].removeprefix(f"{provider}/"), row["response_model"]
        day = row["day"].replace(day=1) if invoice.by_month else row["day"]
        one = found[day, named if named in billed else asked]
        one.ledger_usd += row["usd"] or Decimal(0)
        one.calls += row["calls"]
        one.unknown_calls += row["unknown"]
        one.estimated_calls += row["estimated"]
    return dict(sorted(found.items()))


def _column(columns: list[str], usual: Iterable[str], option: str) -> str:
    lowered = {name.strip().lower().replace(" ", "_"): name for name in columns}
    for name in usual:
        if name in lowered:
            return lowered[name]
    raise InvoiceError(f"Which column is the {option}? Say so by --{option}. There are: {', '.join(columns)}.")


def _day(text: str, number: int) -> tuple[date, bool]:
    """Return the day, and whether it is a month: "2026-11-03", "2026-11-03T00:00:00Z", "2026-11", or seconds since
    1970."""
    text = text.strip()
    try:
        if text.isdigit() and len(text) >= 9:
            return datetime.fromtimestamp(int(text), UTC).date(), False
        if len(text) == len("2026-11"):
            return date.fromisoformat(f"{text}-01"), True
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvoiceError(f'Line {number}: "{text}" is no day like 2026-11-03 and no month like 2026-11.') from error
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date(), False


def _usd(text: str, number: int) -> Decimal:
    try:
        usd = Decimal(text.strip().removeprefix("$").replace(",", "") or "0")
    except InvalidOperation as error:
        raise InvoiceError(f'Line {number}: "{text}" is no amount of dollars.') from error
    if not usd.is_finite():
        raise InvoiceError(f'Line {number}: "{text}" is no amount of dollars.')
    return usd

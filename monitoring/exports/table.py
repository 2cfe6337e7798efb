"""CSV: one turn a row, flat, for spreadsheets. Hits, calls and reviews are counted and summed, scores are columns.

A text that a spreadsheet would take for a formula begins with an apostrophe, which shows it as text.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from monitoring.exports.records import Record
from monitoring.models import Score

FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
PLAIN = (
    "id",
    "position",
    "is_current",
    "origin",
    "status",
    "question",
    "answer",
    "search_query",
    "collection",
    "search_mode",
    "model",
    "nothing_found",
    "hit_count",
    "cited_count",
    "removed_citations",
    "top_similarity",
    "degraded",
    "error_code",
    "first_token_seconds",
    "search_seconds",
    "total_seconds",
    "cost_usd",
    "created_at",
    "finished_at",
)
SIGNALS = ("COPY", "REGENERATE", "EDIT", "OPEN_SOURCE")


def columns_of(score_names: Sequence[str]) -> list[str]:
    """Return the names of the columns: those of each criterion are last."""
    return [
        *PLAIN,
        "conversation",
        "user",
        "config",
        "import_source",
        "documents",
        "calls",
        "input_tokens",
        "output_tokens",
        "calls_of_unknown_cost",
        "thumbs_up",
        "thumbs_down",
        "reasons",
        "comments",
        "flags",
        "waiting_flags",
        "queue_status",
        "reviews",
        "reviewers_notes",
        "corrected_answer",
        "judge_calls",
        "judge_cost_usd",
        *(f"{kind.lower()}_signals" for kind in SIGNALS),
        *(f"{kind}_{name}" for name in score_names for kind in ("score", "label", "review")),
    ]


def score_names() -> list[str]:
    """Return the criteria that anybody ever judged by. One query for each, of an index."""
    names: list[str] = []
    while len(names) < 100:
        later = Score.objects.filter(name__gt=names[-1] if names else "").order_by("name")
        name = later.values_list("name", flat=True).first()
        if name is None:
            break
        names.append(name)
    return names


def csv_rows(records: Iterable[Record], columns: Sequence[str]) -> bytes:
    """Return the rows of records, without the head."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for record in records:
        row = _row(record)
        writer.writerow([_cell(row.get(name)) for name in columns])
    return buffer.getvalue().encode()


def csv_head(columns: Sequence[str]) -> bytes:
    """Return the row of names. A byte-order mark is what makes spreadsheets read UTF-8."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([_cell(name) for name in columns])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def _row(record: Record) -> dict[str, Any]:
    calls, votes = record["calls"], record["feedback"]
    config, user = record["config"], record["user"]
    row: dict[str, Any] = {name: record[name] for name in PLAIN}
    row |= {
        "conversation": record["conversation"]["id"],
        "import_source": record["conversation"]["import_source"],
        "user": user and (user["name"] or user["id"]),
        "config": f"{config['name']} v{config['version']}",
        "documents": _joined(hit["title"] or hit["document"] for hit in record["hits"]),
        "calls": len(calls),
        "input_tokens": _sum(call["input_tokens"] for call in calls),
        "output_tokens": _sum(call["output_tokens"] for call in calls),
        "calls_of_unknown_cost": sum(call["cost_usd"] is None for call in calls),
        "thumbs_up": sum(vote["value"] == 1 for vote in votes),
        "thumbs_down": sum(vote["value"] == -1 for vote in votes),
        "reasons": _joined(reason for vote in votes for reason in vote["reasons"]),
        "comments": _joined(vote["comment"] for vote in votes),
    }
    for kind in SIGNALS:
        row[f"{kind.lower()}_signals"] = sum(signal["kind"] == kind for signal in record["signals"])
    return row | _reviewed(record) | _scores(record["scores"])


def _reviewed(record: Record) -> dict[str, Any]:
    """Return why it was flagged, what was decided, and what judging it took. The newest corrected answer counts."""
    flags, reviews, calls = record["flags"], record["reviews"], record["judge_calls"]
    item = record["conversation"]["review_item"]
    return {
        "flags": _joined(flag["reason"] for flag in flags),
        "waiting_flags": sum(flag["settled_at"] is None for flag in flags),
        "queue_status": item and item["status"],
        "reviews": len(reviews),
        "reviewers_notes": _joined(review["note"] for review in reviews),
        "corrected_answer": next((review["correction"] for review in reversed(reviews) if review["correction"]), None),
        "judge_calls": len(calls),
        "judge_cost_usd": _sum(call["cost_usd"] for call in calls),
    }


def _scores(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return value and label of the newest score that no reviewer gave, and the mean of the reviewers'."""
    row: dict[str, Any] = {}
    reviews: dict[str, list[float]] = {}
    for score in sorted(scores, key=lambda score: score["updated_at"]):
        if score["source"] == Score.Source.REVIEWER:
            if score["value"] is not None:
                reviews.setdefault(score["name"], []).append(score["value"])
        else:
            row[f"score_{score['name']}"], row[f"label_{score['name']}"] = score["value"], score["label"]
    return row | {f"review_{name}": sum(values) / len(values) for name, values in reviews.items()}


def _sum(values: Iterable[int | Decimal | None]) -> int | Decimal | None:
    """Return the sum; None where one is not known: a sum with a hole is not a sum."""
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)


def _joined(texts: Iterable[str | None]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _cell(value: Any) -> str:
    """Return a value as a cell holds it: nothing for what is unknown, never a formula."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Decimal():
            return f"{value:f}"
        case str():
            return f"'{value}" if value.lstrip(" ").startswith(FORMULA_BEGINS) else value
    return str(value)

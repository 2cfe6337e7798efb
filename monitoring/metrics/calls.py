"""Calls of models: tokens and seconds by the names of OpenTelemetry's conventions for generative AI, as Prometheus
spells them, and what they cost.

The conventions' histograms have their sum and count here, without buckets: they come of hourly sums, in which single
calls are not kept.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from prometheus_client.core import SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from chat.rag.config import Purpose
from monitoring.metrics.families import counter
from monitoring.metrics.models import labels_of
from monitoring.metrics.totals import rows_of_all_time

CALLS_SQL = """
SELECT origin, purpose, model, min(date_bin('1 day', hour, 'epoch')),
       sum(calls), sum(failed_calls), sum(attempts), sum(calls - unknown_token_calls),
       sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(reasoning_tokens),
       sum(duration_seconds), sum(exact_usd), sum(estimated_usd), sum(unknown_cost_calls)
  FROM reports.call_parts(%(since)s, %(until)s, '1 day')
 GROUP BY origin, purpose, model
"""
NUMBERS = (
    "calls",
    "failed",
    "attempts",
    "counted",
    "input",
    "output",
    "cached_input",
    "reasoning",
    "duration_seconds",
    "exact",
    "estimated",
    "unknown",
)

Numbers = dict[str, Decimal]
Key = tuple[str, str, str]  # origin, purpose, model as a label

LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "purpose", "origin")
COUNTERS = (
    ("ragsite_llm_calls_failed_total", "Calls of models that failed after all tries.", "failed"),
    ("ragsite_llm_attempts_total", "Tries of calls of models.", "attempts"),
    ("ragsite_llm_cached_input_tokens_total", "Input tokens that the server had in its cache.", "cached_input"),
    ("ragsite_llm_reasoning_tokens_total", "Output tokens that a model thought with.", "reasoning"),
    ("ragsite_cost_unknown_calls_total", "Calls whose cost is not known; no dollars count them.", "unknown"),
)


def collect() -> Iterator[Metric]:
    sums = _sums()
    yield from _conventions(sums)
    for name, text, number in COUNTERS:
        yield counter(name, text, ((_own_labels(key), numbers[number]) for key, numbers in sums.items()))
    yield counter(
        "ragsite_cost_usd_total",
        "Dollars for calls of models; exact: the server counted the tokens, estimated: it did not.",
        (
            ({**_own_labels(key), "certainty": certainty}, numbers[certainty])
            for key, numbers in sums.items()
            for certainty in ("exact", "estimated")
        ),
    )


def _sums() -> Mapping[Key, Numbers]:
    rows = rows_of_all_time("calls", CALLS_SQL)
    first_used: list[tuple[str, datetime]] = [(row[2], row[3]) for row in rows]
    labels = labels_of(first_used)
    sums: dict[Key, Numbers] = {}
    for origin, purpose, model, _, *values in rows:
        numbers = sums.setdefault((origin, purpose, labels[model]), dict.fromkeys(NUMBERS, Decimal(0)))
        for name, value in zip(NUMBERS, values, strict=True):
            numbers[name] += Decimal(value)
    return sums


def _conventions(sums: Mapping[Key, Numbers]) -> Iterator[Metric]:
    tokens = SummaryMetricFamily(
        "gen_ai_client_token_usage",
        "Tokens of calls of models, where they are known.",
        labels=[*LABELS, "gen_ai_token_type"],
    )
    durations = SummaryMetricFamily(
        "gen_ai_client_operation_duration_seconds", "Seconds of calls of models, with all their tries.", labels=LABELS
    )
    for key, numbers in sums.items():
        labels = _convention_labels(key)
        for kind in ("input", "output"):
            tokens.add_metric([*labels, kind], int(numbers["counted"]), float(numbers[kind]))
        durations.add_metric(labels, int(numbers["calls"]), float(numbers["duration_seconds"]))
    yield tokens
    yield durations


def _convention_labels(key: Key) -> list[str]:
    origin, purpose, model = key
    operation = "embeddings" if purpose == Purpose.EMBEDDING.value else "chat"
    provider, separator, name = model.partition("/")
    return [operation, provider, name if separator else model, purpose, origin]


def _own_labels(key: Key) -> dict[str, str]:
    return dict(zip(("origin", "purpose", "model"), key, strict=True))

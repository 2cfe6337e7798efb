"""Telemetry in tests: on, to a real receiver, by the same code as the telemetry thread, without the thread."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chat.models import Turn
from monitoring.telemetry.jobs import Job
from monitoring.telemetry.outlet import make_outlet
from monitoring.telemetry.work import work_on
from tests.factories import make_call, make_config, make_hit, make_turn
from tests.otlp_receiver import OTLPReceiver

EVERYTHING = frozenset({"traces", "metrics", "logs"})
BEGIN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)  # of a turn that has all stages


def turn_on(settings: Any, monkeypatch: Any, receiver: OTLPReceiver, signals: frozenset[str] = EVERYTHING) -> None:
    """Let this process send to a receiver."""
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    settings.TELEMETRY_SIGNALS = signals


def send(*jobs: Job) -> None:
    """Work on jobs and return when all that they became was sent."""
    outlet = make_outlet()
    for job in jobs:
        work_on(job, outlet)
    outlet.close()


def make_answered(**overrides: Any) -> Turn:
    """Return a turn with all stages: rewritten, re-ranked by a model, answered by another."""
    config = make_config(
        model="openai/gpt-4o-mini", rerank="llm", rerank_depth=10, temperature=0.2, max_output_tokens=500
    )
    turn = make_turn(
        **{
            "config": config,
            "question": "What did Ada Lovelace say?",
            "answer": "A secret answer [1].",
            "search_query": "Lovelace saying",
            "model": "openai/gpt-4o-mini",
            "started_at": BEGIN,
            "finished_at": BEGIN + timedelta(seconds=4),
            "rewrite_seconds": 0.5,
            "embed_seconds": 0.25,
            "search_seconds": 0.125,
            "rerank_seconds": 0.5,
            "first_token_seconds": 1.75,
            "total_seconds": 3.5,
            "hit_count": 1,
            "cited_count": 1,
            "top_similarity": 0.7,
            "cost_usd": Decimal("0.0012"),
            **overrides,
        }
    )
    make_hit(turn=turn, score=0.5, is_cited=True, text="A secret passage.")
    make_call(turn=turn, purpose="rewrite", prompt_name="rewrite_v1", duration_seconds=0.5)
    make_call(turn=turn, purpose="rerank", prompt_name="rerank_v1", duration_seconds=0.5, model="openai/gpt-4o")
    make_call(
        turn=turn,
        duration_seconds=2.0,
        input_tokens=1000,
        cached_input_tokens=400,
        output_tokens=200,
        reasoning_tokens=50,
        response_model="gpt-4o-mini-2024-07-18",
        request_id="req_1",
        response_id="chatcmpl-1",
    )
    return turn

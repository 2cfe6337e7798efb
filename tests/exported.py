"""Turns with everything that belongs to them, for tests of exports and imports."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management import call_command

from chat.models import Conversation, Document, ImplicitSignal, LLMCall, Turn
from monitoring.models import CorrectedAnswer, Flag, JudgeVersion, Review, ReviewItem, Score
from tests.factories import (
    make_call,
    make_collection,
    make_config,
    make_conversation,
    make_document,
    make_feedback,
    make_hit,
    make_turn,
    make_user,
)

ASKED = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)


def make_full_turns() -> list[Turn]:
    """Store two conversations of one user: an answer with everything, its second version, and a failure; and one turn
    of another origin."""
    ada = make_user(username="ada")
    rita = make_user(username="rita", is_staff=True)
    collection = make_collection(name="Handbook")
    document = make_document(collection=collection, source_id="holiday.md", title="Holiday", texts=("Thirty days.",))
    config = make_config(name="careful", version=3, top_k=7, min_similarity=0.25, temperature=0.5)
    talk = make_conversation(user=ada, collection=collection, title="How many days?")
    first = make_turn(
        conversation=talk,
        config=config,
        question="How many days?",
        answer="Thirty [1].",
        is_current=False,
        position=1,
        hit_count=1,
        cited_count=1,
        top_similarity=0.75,
        cost_usd=Decimal("0.00027"),
        first_token_seconds=0.25,
        given_history=[{"question": "Hello?", "answer": "Good morning."}],
    )
    second = make_turn(
        conversation=talk, config=config, question="How many days?", position=1, replaces=first, cost_usd=None
    )
    make_hit(turn=first, chunk=document.chunks.get(), text="Thirty days.", search_rank=2, is_cited=True)
    make_hit(turn=first, chunk=None, document_title="Gone", text="It was here.", similarity=None, vector_rank=None)
    make_call(turn=first)
    make_call(turn=first, purpose=LLMCall.CallPurpose.JUDGE, model="fake/judge", cost_usd=Decimal("0.0005"))
    make_call(turn=first, purpose=LLMCall.CallPurpose.QUESTION)  # of an evaluation
    make_feedback(turn=first, value=-1, reasons=["INACCURATE", "OTHER"], comment="=1+1 is not thirty")
    ImplicitSignal.objects.create(turn=first, user=ada, kind="COPY")
    version = JudgeVersion.objects.create(
        judge="groundedness_offline",
        criterion="groundedness",
        version="1",
        family="offline",
        settings={"threshold": 0.5},
        fingerprint="f" * 64,
    )
    verdict = Score.objects.create(
        turn=first,
        name="groundedness",
        source="JUDGE",
        judge_version=version,
        value=0.5,
        label="PARTLY",
        explanation="One claim has no source.",
        details={"claims": ["Thirty"]},
        cost_usd=Decimal(0),
    )
    Score.objects.create(turn=first, name="groundedness", source="REVIEWER", reviewer=rita, value=1.0, label="GROUNDED")
    _review(first, verdict, rita)
    Score.objects.create(turn=second, name="toxicity", source="CODE", value=None, error="no verdict")
    failed = make_turn(
        conversation=make_conversation(user=ada, title="And on Sundays?"),
        config=config,
        question="And on Sundays?",
        answer="",
        status=Turn.Status.FAILED,
        error_code="timeout",
        error_message="The model took too long.",
        nothing_found=None,
        total_seconds=None,
    )
    other = make_turn(conversation=make_conversation(user=None, origin="API"), config=config)
    _set_times([first, second, failed, other])
    return [first, second, failed, other]


def _review(turn: Turn, verdict: Score, reviewer: Any) -> None:
    """Flag a turn twice; its reviewer settled the first flag in round 1, and is at work on the second."""
    at = ASKED + timedelta(days=1)
    item = ReviewItem.objects.create(
        conversation=turn.conversation, status="OPEN", priority=6.5, reviews_wanted=2, round=2, opened_at=at
    )
    settled = Flag.objects.create(
        turn=turn, reason="NOT_GROUNDED", detail="groundedness: PARTLY", score=verdict, settled_at=at
    )
    waiting = Flag.objects.create(turn=turn, reason="SAMPLE", weight=20, is_advisory=True)
    review = Review.objects.create(item=item, reviewer=reviewer, round=1, note="Thirty is for adults.", decided_at=at)
    CorrectedAnswer.objects.create(review=review, turn=turn, text="Thirty days, for adults.")
    held = Review.objects.create(item=item, reviewer=reviewer, round=2, reserved_until=at)
    Flag.objects.filter(pk__in=[settled.pk, waiting.pk]).update(created_at=at)
    Review.objects.filter(pk__in=[review.pk, held.pk]).update(created_at=at)


def _set_times(turns: list[Turn]) -> None:
    for place, turn in enumerate(turns):
        at = ASKED + timedelta(hours=place)
        Turn.objects.filter(pk=turn.pk).update(created_at=at, started_at=at, finished_at=at + timedelta(seconds=2))
        Conversation.objects.filter(pk=turn.conversation_id).update(created_at=ASKED, updated_at=at)
        for rows in (turn.calls, turn.signals, turn.feedback, turn.scores):
            rows.update(created_at=at + timedelta(seconds=1))
        for rows in (turn.feedback, turn.scores):
            rows.update(updated_at=at + timedelta(seconds=3))


def remove_all() -> None:
    """Leave nothing of any turn, nor of what turns refer to but users and embedders."""
    Turn.objects.all().delete()
    Conversation.objects.all().delete()
    JudgeVersion.objects.all().delete()
    Document.objects.all().delete()


def export(path: Path, *options: str) -> Path:
    """Run `manage.py export_turns`."""
    call_command("export_turns", str(path), *options)
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]

"""From claims to what judges look at: turns with hits, what was said before, and the expected answer where one is
known. Loaded for many claims in a few queries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from chat.models import Hit, Turn
from chat.rag.config import Exchange
from chat.services.answering import HISTORY_TURNS
from monitoring.judges.base import Judge, JudgedHit, JudgedTurn
from monitoring.judging.claims import Claim
from monitoring.models import CorrectedAnswer, DatasetItem, EvaluationItem, Score

# A judge of whole conversations sees so many of its last exchanges.
CONVERSATION_TURNS = 50


@dataclass(frozen=True, slots=True)
class Earlier:
    """A verdict that failed and is tried again: what it took so far."""

    score_id: int
    attempts: int
    calls: int
    cost_usd: Decimal | None


NEVER = Earlier(0, 0, 0, Decimal(0))


@dataclass(frozen=True, slots=True)
class Material:
    """What a claim is about, as the judge sees it, and what came of earlier attempts."""

    claim: Claim
    turn: JudgedTurn
    conversation_id: object  # a UUID
    earlier: Earlier = NEVER


def load_material(claims: Sequence[Claim], judges: Mapping[int, Judge]) -> list[Material]:
    """Return what claims are about; `judges` by the id of their version. Left out is what is not to be judged any more:
    there is a final verdict by now, or the texts are gone. Three queries, up to three more for expected answers."""
    scores = {
        (score.turn_id, score.judge_version_id): score
        for score in Score.objects.by_judges().filter(
            turn__in=[claim.turn_id for claim in claims], judge_version__in=[claim.version_id for claim in claims]
        )
    }
    turns = (
        Turn.objects.filter(pk__in=[claim.turn_id for claim in claims], conversation__deleted_at__isnull=True)
        .exclude(answer="")
        .select_related("collection")
        .in_bulk()
    )
    hits = _hits(turns)
    said = _said({turn.conversation_id for turn in turns.values()})
    referring = {claim.turn_id for claim in claims if judges[claim.version_id].needs_reference}
    expected = expected_answers(referring) if referring else {}
    found = []
    for claim in claims:
        turn, score = turns.get(claim.turn_id), scores.get((claim.turn_id, claim.version_id))
        is_final = score is not None and (score.value is not None or score.retry_at is None)
        if turn is None or is_final:
            continue
        whole = judges[claim.version_id].criterion.subject == "conversation"
        earlier_turns = [exchange for position, exchange in said[turn.conversation_id] if position < turn.position]
        if turn.given_history is not None and not whole:
            earlier_turns = [Exchange(one["question"], one["answer"]) for one in turn.given_history]
        judged = JudgedTurn(
            question=turn.question,
            answer=turn.answer,
            hits=hits.get(turn.pk, ()),
            expected_answer=expected.get(turn.pk, ""),
            history=tuple(earlier_turns[-(CONVERSATION_TURNS if whole else HISTORY_TURNS) :]),
            language=turn.collection.language if turn.collection else "",
        )
        earlier = Earlier(score.pk, score.attempts, score.calls, score.cost_usd) if score else NEVER
        found.append(Material(claim, judged, turn.conversation_id, earlier))
    return found


def expected_answers(turn_ids: Collection[int]) -> dict[int, str]:
    """Return what turns should have answered, as far as it is known: a reviewer's correction first, then an item made
    from the turn, then the item of an evaluation. Three queries."""
    asked = EvaluationItem.objects.filter(turn__in=turn_ids).exclude(item__expected_answer="")
    made = DatasetItem.objects.current().filter(source_turn__in=turn_ids).exclude(expected_answer="")
    corrected = CorrectedAnswer.objects.filter(turn__in=turn_ids).exclude(text="")
    return {
        **dict(asked.values_list("turn_id", "item__expected_answer")),
        **dict(made.order_by("pk").values_list("source_turn_id", "expected_answer")),
        **dict(corrected.order_by("pk").values_list("turn_id", "text")),
    }


def _hits(turn_ids: Iterable[int]) -> dict[int, tuple[JudgedHit, ...]]:
    found: dict[int, tuple[JudgedHit, ...]] = {}
    rows = Hit.objects.filter(turn__in=list(turn_ids)).order_by("turn_id", "rank")
    for hit in rows:
        judged = JudgedHit(hit.rank, hit.document_title, hit.heading_path, hit.text)
        found[hit.turn_id] = (*found.get(hit.turn_id, ()), judged)
    return found


def _said(conversation_ids: Collection[object]) -> dict[object, list[tuple[int, Exchange]]]:
    """Return what stands in conversations, in order, each exchange with its position."""
    found: dict[object, list[tuple[int, Exchange]]] = {pk: [] for pk in conversation_ids}
    is_said = Q(status=Turn.Status.DONE) | Q(status=Turn.Status.STOPPED)
    rows = Turn.objects.current().filter(is_said, conversation__in=list(conversation_ids)).order_by("position")
    for conversation_id, position, question, answer in rows.values_list(
        "conversation_id", "position", "question", "answer"
    ):
        found[conversation_id].append((position, Exchange(question, answer)))
    return found

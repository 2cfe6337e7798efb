"""What each event says: ids, values and links. Each function is called by the service that makes the event true, in its
transaction; where nobody listens, it costs one query."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from chat.models import Feedback, Turn
from monitoring.models import EvaluationRun, Experiment, Flag, Review, ReviewItem, Score
from monitoring.models.webhooks import Event
from monitoring.webhooks import links
from monitoring.webhooks.outbox import Happening, listeners, note

RUN_EVENTS = {
    EvaluationRun.Status.DONE: Event.RUN_FINISHED,
    EvaluationRun.Status.FAILED: Event.RUN_FAILED,
    EvaluationRun.Status.CANCELLED: Event.RUN_CANCELLED,
}


def tell_feedback(*, feedback_id: int, turn_id: int, user_id: int | None, is_withdrawn: bool) -> None:
    """A vote was given, changed or taken back."""
    event = Event.FEEDBACK_WITHDRAWN if is_withdrawn else Event.FEEDBACK_GIVEN
    if not (webhooks := listeners(event)):
        return
    turn = Turn.objects.only("conversation_id", "origin").get(pk=turn_id)
    data = {"feedback_id": feedback_id, **_turn_data(turn), "user_id": user_id}
    key = str(feedback_id)
    if not is_withdrawn:
        feedback = Feedback.objects.get(pk=feedback_id)
        data |= {
            "value": feedback.value,
            "reasons": list(feedback.reasons),
            "has_comment": bool(feedback.comment),
            "given_at": feedback.updated_at.isoformat(),
        }
        key += f" {feedback.updated_at.isoformat()}"
    note(event, webhooks, [Happening(key, data, turn.origin)])


def tell_flags(flag_ids: Collection[int]) -> None:
    """Flags were raised, or became more than advice."""
    if not flag_ids or not (webhooks := listeners(Event.FLAG_RAISED)):
        return
    flags = Flag.objects.filter(pk__in=flag_ids).select_related("turn__conversation__review_item").order_by("pk")
    happenings = [
        Happening(
            f"{flag.pk} {flag.is_advisory}",
            {
                "flag_id": flag.pk,
                **_turn_data(flag.turn),
                "reason": flag.reason,
                "is_advisory": flag.is_advisory,
                "score_id": flag.score_id,
                "raised_at": flag.created_at.isoformat(),
                "review_url": _review_page(flag.turn),
            },
            flag.turn.origin,
        )
        for flag in flags
    ]
    note(Event.FLAG_RAISED, webhooks, happenings)


def tell_review(*, review: Review, item: ReviewItem, turns: Sequence[Turn]) -> None:
    """A reviewer decided. The labels come with the decision that finishes the item: before, the second reviewer of two
    must not know those of the first."""
    if not (webhooks := listeners(Event.REVIEW_DECIDED)):
        return
    data = {
        "review_id": review.pk,
        "item_id": item.pk,
        "conversation_id": str(item.conversation_id),
        "round": review.round,
        "reviewer_id": review.reviewer_id,
        "is_dismissed": review.is_dismissed,
        "decided_at": review.decided_at.isoformat() if review.decided_at else None,
        "item_status": item.status,
        "reviews_wanted": item.reviews_wanted,
        "labels": _labels(item, turns) if item.is_finished else None,
        "url": links.page("monitoring_reviewitem_review", item.pk),
    }
    note(Event.REVIEW_DECIDED, webhooks, [Happening(str(review.pk), data, item.conversation.origin)])


def tell_run(run_id: int) -> None:
    """An evaluation run came to its end. It has no origin: all who listen are told."""
    run = EvaluationRun.objects.select_related("dataset", "config").get(pk=run_id)
    event = RUN_EVENTS.get(EvaluationRun.Status(run.status))
    if event is None or not (webhooks := listeners(event)):
        return
    data = {
        "run_id": run.pk,
        "dataset": run.dataset.name,
        "dataset_id": run.dataset_id,
        "dataset_version": run.version,
        "split": run.split,
        "config": run.config.name,
        "config_id": run.config_id,
        "kind": run.kind,
        "status": run.status,
        "error": run.error,
        "done_items": run.done_items,
        "total_items": run.total_items,
        "cost_usd": str(run.cost_usd),
        "unpriced_calls": run.unpriced_calls,
        "duration_seconds": run.duration_seconds,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "url": links.page("monitoring_evaluationrun_report", run.pk),
    }
    # one that is resumed ends again
    note(event, webhooks, [Happening(f"{run.pk} {data['finished_at']}", data)])


def tell_stop(experiment: Experiment) -> None:
    """An experiment was stopped, by a person or by its guardrail."""
    if not (webhooks := listeners(Event.EXPERIMENT_STOPPED)):
        return
    data = {**_experiment_data(experiment), "reason": experiment.stop_reason, "status": experiment.status}
    note(Event.EXPERIMENT_STOPPED, webhooks, [Happening(str(experiment.pk), data, experiment.origin)])


def tell_verdict(*, experiment: Experiment, previous: str, since: datetime, verdict: dict[str, Any]) -> None:
    """An experiment has another verdict than at the last look. `verdict`: kind, text, advice, is_final, variant_id."""
    if not (webhooks := listeners(Event.EXPERIMENT_VERDICT)):
        return
    data = {**_experiment_data(experiment), "previous_kind": previous, "since": since.isoformat(), **verdict}
    happening = Happening(f"{experiment.pk} {since.isoformat()}", data, experiment.origin)
    note(Event.EXPERIMENT_VERDICT, webhooks, [happening])


def tell_alert(*, event: Event, rule: str, fired_at: datetime, data: dict[str, Any]) -> None:
    """An alert fires, or does not any more. It is of the whole site: all who listen are told."""
    if webhooks := listeners(event):
        urls = {"url": links.page("index"), "runbook_url": links.runbook(str(data.pop("runbook")))}
        said = {"rule": rule, "fired_at": fired_at.isoformat(), **data, **urls}
        note(event, webhooks, [Happening(f"{rule} {fired_at.isoformat()}", said)])


def _turn_data(turn: Turn) -> dict[str, Any]:
    return {
        "turn_id": turn.pk,
        "conversation_id": str(turn.conversation_id),
        "origin": turn.origin,
        "url": links.turn_page(turn.conversation_id, turn.pk),
    }


def _experiment_data(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": experiment.pk,
        "name": experiment.name,
        "origin": experiment.origin,
        "url": links.page("monitoring_experiment_change", experiment.pk),
    }


def _review_page(turn: Turn) -> str | None:
    """Return where a turn is reviewed; None while its conversation is not in the queue."""
    item = getattr(turn.conversation, "review_item", None)
    return links.page("monitoring_reviewitem_review", item.pk) if item else None


def _labels(item: ReviewItem, turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return what the reviewers of the item's round say of each turn, and of the conversation (turn_id None)."""
    reviewers = Review.objects.filter(item=item, round=item.round, decided_at__isnull=False).values("reviewer")
    scores = Score.objects.filter(
        turn__in=[turn.pk for turn in turns], source=Score.Source.REVIEWER, reviewer__in=reviewers
    ).order_by("turn", "name", "reviewer")
    return [
        {
            "turn_id": None if score.conversation_id else score.turn_id,
            "reviewer_id": score.reviewer_id,
            "name": score.name,
            "label": score.label,
            "value": score.value,
        }
        for score in scores
    ]

"""Flags are raised here and nowhere else. What should be flagged is a function of the data (turns, votes, verdicts, the
standing of judges), so any number of processes may call this at any time, and what one of them missed the next finds.

A flag that was advice becomes more when its judge is proven; never the other way: what opened an item stays a reason.
A vote that is taken back takes its flags with it while nobody has taken up the item; later they stay and say so.
"""

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from chat.models import Turn
from monitoring.flags.facts import sample_weight
from monitoring.flags.finding import Finding, recent_turns, watched_turns
from monitoring.flags.queue import arrange_queue, lock_items
from monitoring.flags.rules import RULES, FlagRule
from monitoring.models import Flag, Review, ReviewItem
from monitoring.webhooks.telling import tell_flags

logger = logging.getLogger(__name__)

DETAIL_CHARS = 300
TAKEN_BACK = "the vote was taken back or changed since"
BATCH = 500  # turns whose flags are written in one transaction

Found = tuple[Flag.Reason, Finding]


def raise_flags(turn_ids: Sequence[int]) -> int:
    """Flag these turns where a rule finds them, and put their conversations into the queue; return how many flags are
    new. Does nothing the second time."""
    return _raise(watched_turns().filter(pk__in=turn_ids))


def sweep_flags() -> int:
    """The same for all turns of the last RAGSITE_JUDGE_LOOKBACK_DAYS; also clear the queue of deleted conversations."""
    ReviewItem.objects.filter(
        conversation__deleted_at__isnull=False, status__in=[ReviewItem.Status.OPEN, ReviewItem.Status.IN_REVIEW]
    ).update(status=ReviewItem.Status.DISMISSED)
    return _raise(recent_turns())


def _raise(turns: QuerySet[Turn]) -> int:
    found: dict[int, list[Found]] = {}
    for rule in RULES.values():
        for finding in _news(rule, turns):
            found.setdefault(finding.turn_id, []).append((rule.reason, finding))
    gone = _no_longer_found(turns)
    touched = sorted({*found, *gone})
    count = 0
    for start in range(0, len(touched), BATCH):
        some = touched[start : start + BATCH]
        new = _write({pk: found.get(pk, []) for pk in some}, {pk: gone[pk] for pk in some if pk in gone})
        for ids in new:
            logger.info("flag raised", extra=ids)
        count += len(new)
    return count


def _news(rule: FlagRule, turns: QuerySet[Turn]) -> list[Finding]:
    """Return what a rule finds that no flag says yet, one finding for each turn: what is more than advice, if any."""
    flags = Flag.objects.filter(reason=rule.reason)
    known = flags.exclude(detail__endswith=TAKEN_BACK, settled_at__isnull=True)
    if rule.reason == Flag.Reason.SAMPLE:
        said = known.filter(weight__lte=sample_weight())
    else:
        said = known if rule.basis == "record" else known.filter(is_advisory=False)
    best: dict[int, Finding] = {}
    for finding in rule.find(turns.filter(~Exists(said.filter(turn=OuterRef("pk"))))):
        earlier = best.get(finding.turn_id)
        if earlier is None or (earlier.is_advisory and not finding.is_advisory):
            best[finding.turn_id] = finding
    advice = [finding.turn_id for finding in best.values() if finding.is_advisory]
    advised = set(known.filter(turn__in=advice, is_advisory=True).values_list("turn_id", flat=True))
    return [finding for finding in best.values() if not (finding.is_advisory and finding.turn_id in advised)]


def _no_longer_found(turns: QuerySet[Turn]) -> dict[int, set[str]]:
    """Return the waiting flags that rest on a vote that is not there any more: reasons by turn."""
    gone: dict[int, set[str]] = {}
    for rule in (rule for rule in RULES.values() if rule.follows_votes):
        waiting = Flag.objects.filter(turn__in=turns.values("pk"), reason=rule.reason, settled_at__isnull=True)
        ids = set(waiting.exclude(detail__endswith=TAKEN_BACK).values_list("turn_id", flat=True))
        if ids:
            still = {finding.turn_id for finding in rule.find(watched_turns().filter(pk__in=ids))}
            for turn_id in ids - still:
                gone.setdefault(turn_id, set()).add(rule.reason)
    return gone


@transaction.atomic
def _write(found: dict[int, list[Found]], gone: dict[int, set[str]]) -> list[dict[str, object]]:
    """Write and withdraw flags; return of each new one what the log says."""
    conversations = dict(Turn.objects.filter(pk__in=found).values_list("pk", "conversation_id"))
    items = lock_items(set(conversations.values()))
    written = [
        (finding, reason, *_flag(reason, finding))
        for turn_id, findings in sorted(found.items())
        for reason, finding in findings
    ]
    _withdraw(gone, conversations, items)
    arrange_queue(set(conversations.values()))
    tell_flags({flag.pk for _, _, flag, is_new in written if is_new or flag.is_advisory})
    return [
        {
            "turn_id": finding.turn_id,
            "conversation_id": str(conversations[finding.turn_id]),
            "reason": str(reason),
            "is_advisory": finding.is_advisory,
        }
        for finding, reason, _, is_new in written
        if is_new
    ]


def _flag(reason: Flag.Reason, finding: Finding) -> tuple[Flag, bool]:
    """Write one flag, or let one that is there say more; return it as it was found, and whether it is new."""
    said = {
        "detail": finding.detail[:DETAIL_CHARS],
        "score_id": finding.score_id,
        "is_advisory": finding.is_advisory,
        "weight": finding.weight,
    }
    flag, is_new = Flag.objects.get_or_create(turn_id=finding.turn_id, reason=reason, defaults=said)
    if not is_new and (flag.is_advisory or flag.detail.endswith(TAKEN_BACK)):
        Flag.objects.filter(pk=flag.pk).update(**said)
    elif flag.weight > finding.weight:
        # The rate was raised: all turns that the higher rate draws are drawn, so each stands for fewer.
        Flag.objects.filter(pk=flag.pk).update(weight=finding.weight, detail=said["detail"])
    return flag, is_new


def _withdraw(gone: dict[int, set[str]], conversations: dict[int, UUID], items: dict[UUID, ReviewItem]) -> None:
    taken_up = set(
        Review.objects.filter(item__in=items.values(), round=F("item__round")).values_list(
            "item__conversation_id", flat=True
        )
    )
    for turn_id, reasons in gone.items():
        flags = Flag.objects.filter(turn=turn_id, reason__in=reasons, settled_at__isnull=True)
        if conversations[turn_id] not in taken_up:
            flags.delete()
            continue
        for flag in flags:
            kept = flag.detail[: DETAIL_CHARS - len(TAKEN_BACK) - 2]
            Flag.objects.filter(pk=flag.pk).update(detail="; ".join(filter(None, [kept, TAKEN_BACK])))


def reasons_of(flags: Iterable[Flag]) -> list[str]:
    """Return the titles of the reasons of flags, each once, the weightiest first."""
    named = {Flag.Reason(flag.reason) for flag in flags}
    return [rule.title for reason, rule in RULES.items() if reason in named]

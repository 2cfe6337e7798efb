"""The figures at the top of the dashboard, each with its interval, its change, and the way to the turns behind it."""

from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse

from monitoring.dashboard.changes import Better, Change, Measured, difference, relative_change
from monitoring.dashboard.judged import busiest_judge, is_judged, rows_of_judge
from monitoring.dashboard.reading import Reader, Row, ratio
from monitoring.dashboard.spent import spent_usd
from monitoring.dashboard.words import Number, Unit, changed, interval, spoken_age, written

BY_ANOTHER = "before: by another judge"


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure. `value` is a dash where it is unknown, and `notes` say why or what it rests on."""

    key: str
    name: str
    about: str
    value: str
    url: str
    notes: tuple[str, ...] = ()
    change: str = ""
    before: str = ""  # the same figure of the time before; empty where nothing is compared
    verdict: str = "none"


def tiles(reader: Reader) -> list[Tile]:
    """Return all figures: fourteen queries."""
    return [
        _turns(reader),
        _failed(reader),
        _time(reader, "first_token", "First words, p95", "Of 100 answers 95 began sooner."),
        _time(reader, "total", "Whole answer, p95", "Of 100 answers 95 were complete sooner."),
        _thumbs(reader),
        _failing(reader, "groundedness", "Not grounded", "Answers with a claim that no hit supports, by the judges."),
        _failing(reader, "relevance", "Not relevant", "Answers that miss the question, by the judges."),
        _refused(reader),
        _empty(reader),
        _cost(reader),
        _cost_per_answer(reader),
        _queue(reader),
    ]


def _turns(reader: Reader) -> Tile:
    now, before = reader.total("turns"), reader.total("turns", before=True)
    notes = [f"{now['conversations']:,} new conversations"]
    if now["unfinished"]:
        notes.append(f"{now['unfinished']:,} being answered")
    change = relative_change(now["turns"], before["turns"], rests_on=before["turns"])
    url = reader.choice.turns_url()
    return _made("turns", "Turns", "Questions asked.", now["turns"], before["turns"], "count", url, notes, change)


def _failed(reader: Reader) -> Tile:
    now, before = reader.total("turns"), reader.total("turns", before=True)
    url = reader.choice.turns_url(outcome="failed")
    about = "Of the finished turns, those that ended with an error or were interrupted."
    return _rate("failed", "Failed", about, _errors(now), _errors(before), "less", url, "finished turns")


def _errors(row: dict[str, Any]) -> Measured:
    return ratio(row, "error", row["answers"] + row["failed"])


def _time(reader: Reader, measure: str, name: str, about: str) -> Tile:
    now, before = reader.total("latency", measure=measure), reader.total("latency", before=True, measure=measure)
    half = f"half under {written(now['p50_seconds'], 'seconds')}" if now["n"] else ""
    notes = [note for note in (half, f"n = {now['n']:,}") if note]
    current, earlier = now["p95_seconds"], before["p95_seconds"]
    change = relative_change(current, earlier, rests_on=min(now["n"], before["n"]))
    url = reader.choice.turns_url()
    return _made(measure, name, about, current, earlier, "seconds", url, notes, change)


def _thumbs(reader: Reader) -> Tile:
    now, before = reader.total("feedback"), reader.total("feedback", before=True)
    votes, votes_before = (ratio(row, "up", row["up"] + row["down"]) for row in (now, before))
    url = reader.choice.turns_url(vote="down")
    about = "Of the votes, those that are thumbs up. Leads to the thumbs down."
    coverage = f"{written(now['coverage_ratio'], 'ratio')} of answers rated" if now["answers"] else ""
    return _rate("thumbs", "Thumbs up", about, votes, votes_before, "more", url, "votes", coverage)


def _failing(reader: Reader, criterion: str, name: str, about: str) -> Tile:
    """By one judge, which is held against itself: another's earlier verdicts say nothing of a change."""
    judge, earlier = busiest_judge(reader, criterion), reader.rows("scores", before=True)
    same = rows_of_judge(earlier, judge) if judge else []
    now, before = _failing_rate(judge), _failing_rate(same[0] if same else None)
    url = reader.choice.turns_url(failing=criterion)
    made = _rate(criterion, name, about, now, before, "less", url, "judged turns", *_by(judge))
    return replace(made, change=BY_ANOTHER) if judge and not same and is_judged(earlier, criterion) else made


def _failing_rate(row: Row | None) -> Measured:
    return ratio(row, "failing", row["scored"]) if row else Measured(None, n=0)


def _by(judge: Row | None) -> tuple[str, ...]:
    if judge is None:
        return ()
    corrected = judge["corrected_ratio"]
    words = "" if corrected is None else f"{written(corrected, 'ratio')} corrected for the judge's errors"
    return (f"by {judge['judge']}" if judge["judge"] else "", words)


def _refused(reader: Reader) -> Tile:
    now, before = (reader.total("turns", before=earlier) for earlier in (False, True))
    url = reader.choice.turns_url(outcome="refused")
    about = "Of the answers, those that say that nothing relevant was found."
    figures = [ratio(row, "refusal", row["answers"]) for row in (now, before)]
    return _rate("refusals", "Refusals", about, figures[0], figures[1], "neither", url, "answers")


def _empty(reader: Reader) -> Tile:
    now, before = (reader.total("retrieval", before=earlier) for earlier in (False, True))
    url = reader.choice.turns_url(outcome="empty")
    about = "Of the searches, those that brought no hit."
    figures = [ratio(row, "empty", row["searched"]) for row in (now, before)]
    return _rate("empty", "Empty searches", about, figures[0], figures[1], "less", url, "searches")


def _cost(reader: Reader) -> Tile:
    now, before = (reader.total("calls", before=earlier) for earlier in (False, True))
    notes = [f"{now['calls']:,} calls of models"]
    if now["estimated_usd"]:
        notes.append(f"{written(now['estimated_usd'], 'usd')} of it estimated")
    known, earlier = spent_usd(now), spent_usd(before)
    if now["unknown_cost_calls"]:
        notes.append(f"{now['unknown_cost_calls']:,} calls of unknown cost{'' if known is None else ' not in it'}")
    about = "Of all calls of models made in this time, judges' too, at the price of the time."
    figures = (None if value is None else float(value) for value in (known, earlier))
    change = relative_change(*figures, rests_on=before["calls"])
    url = reader.choice.turns_url()
    return _made("cost", "Cost", about, known, earlier, "usd", url, notes, change)


def _cost_per_answer(reader: Reader) -> Tile:
    now, before = (reader.total("answer_cost", before=earlier) for earlier in (False, True))
    about = "The mean of the answers whose cost is known: all that it took to answer, without judges."
    notes = [_interval(_per_answer(now), "usd"), f"n = {now['known']:,} of {now['answers']:,} answers"]
    if now["usd_per_up"] is not None:
        notes.append(f"{written(now['usd_per_up'], 'usd')} for each thumbs up")
    change = difference(_per_answer(now), _per_answer(before), better="less")
    url = reader.choice.turns_url(outcome="answered")
    value, earlier = now["usd_per_answer"], before["usd_per_answer"]
    return _made("answer_cost", "Cost of an answer", about, value, earlier, "usd", url, notes, change)


def _per_answer(row: dict[str, Any]) -> Measured:
    value, low, high = (
        None if row[name] is None else float(row[name])
        for name in ("usd_per_answer", "usd_per_answer_low", "usd_per_answer_high")
    )
    return Measured(value, low, high, row["known"])


def _queue(reader: Reader) -> Tile:
    """The queue is one, of all times and origins."""
    now = reader.total("review_queue")
    notes = [f"{now['in_review']:,} being reviewed"]
    if now["oldest_seconds"] is not None:
        notes.append(f"the oldest waits for {spoken_age(float(now['oldest_seconds']))}")
    url = reverse("admin:monitoring_reviewitem_changelist")
    about = "Conversations that wait for a reviewer now; of any time and origin."
    return _made("queue", "Review queue", about, now["waiting"], None, "count", url, notes, None)


def _rate(
    key: str,
    name: str,
    about: str,
    now: Measured,
    before: Measured,
    better: Better,
    url: str,
    of: str,
    *more: str,
) -> Tile:
    """Return a rate with what it rests on: `of` says what is counted."""
    notes = [_interval(now, "ratio"), f"n = {now.n or 0:,} {of}", *more]
    change = difference(now, before, better=better)
    return _made(key, name, about, now.value, before.value, "ratio", url, notes, change)


def _interval(measured: Measured, unit: Unit) -> str:
    ends = interval(measured, unit)
    return f"95 %: {ends}" if ends else ""


def _made(
    key: str,
    name: str,
    about: str,
    now: Number | None,
    before: Number | None,
    unit: Unit,
    url: str,
    notes: list[str],
    change: Change | None,
) -> Tile:
    return Tile(
        key=key,
        name=name,
        about=about,
        value=written(now, unit),
        url=url,
        notes=tuple(note for note in notes if note),
        change=changed(change, before, unit) if change else "",
        before=written(before, unit) if change else "",
        verdict=change.verdict if change else "none",
    )

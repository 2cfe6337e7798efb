"""What an experiment says, in words for people who know no statistics: a pure function of numbers.

The order is that of what matters: figures of users who were not divided as planned mean nothing; harm is said as soon
as it is sure; then comes patience; then the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.experiments.figures import Compared, Mismatch, Power, Verdict

# Of several variants, what is said of the experiment: the first of these kinds that one of them has.
ORDER = (
    "invalid",
    "better",
    "false_alarm",
    "harmful",
    "no_data",
    "early",
    "undecided",
    "worse",
    "no_difference",
    "same",
)
_STOPPED_EARLY = "Keep the control, or run a new and longer experiment."


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a verdict on one variant depends on. `unit`: "users" or "conversations"."""

    variant_id: int
    variant: str  # its name
    unit: str
    is_started: bool
    is_running: bool
    is_aa: bool
    days: float
    minimum_days: int
    minimum_units: int
    smallest_effect: float
    mismatch: Mismatch
    split: Sequence[tuple[str, int, float]]  # of each variant its name, units and planned share
    units: int
    control_units: int
    primary: Compared
    guardrails: Sequence[Compared]
    power: Power


def verdict_of(situation: Situation) -> Verdict:
    """Return what to say of a variant, and what to do."""
    if not situation.is_started:
        return Verdict("draft", "Not started.", "Start it to divide the traffic.", False, situation.variant_id)
    if situation.mismatch.is_raised:
        return _invalid(situation)
    if not situation.units or not situation.control_units:
        return _no_data(situation)
    if broken := [one for one in situation.guardrails if one.state == "broken"]:
        return _harmful(situation, broken)
    if situation.is_running and _missing(situation):
        return _early(situation)
    if situation.is_aa:
        return _of_aa(situation)
    if situation.primary.is_sure:
        return _sure(situation)
    return _unsure(situation)


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict of the experiment from those of its variants; where several count, each is named."""
    kind = min((verdict.kind for verdict in verdicts), key=_place)
    chosen = [verdict for verdict in verdicts if verdict.kind == kind]
    if len({verdict.text for verdict in chosen}) == 1:
        return chosen[0]
    return Verdict(
        kind,
        " ".join(verdict.text for verdict in chosen),
        chosen[0].advice if len({verdict.advice for verdict in chosen}) == 1 else _choose(kind),
        all(verdict.is_final for verdict in chosen),
    )


def _choose(kind: str) -> str:
    if kind == "better":
        return "Each of these is better than the control; they are not compared with each other. Choose by the figures."
    return "See each variant below."


def _place(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _named(situation: Situation) -> str:
    return f"“{situation.variant}”"


def _invalid(situation: Situation) -> Verdict:
    total = sum(units for _, units, _ in situation.split)
    counted = "; ".join(
        f"“{name}” got {units:,} of {total:,} instead of about {share * total:,.0f}"
        for name, units, share in situation.split
    )
    return Verdict(
        "invalid",
        f"Invalid: {situation.unit} were not split as planned. {counted}.",
        "Trust no figure of it. Something keeps one variant from being seen or counted, such as an error that only one"
        " has: find it, then start a new experiment.",
        False,
        situation.variant_id,
    )


def _no_data(situation: Situation) -> Verdict:
    whom = situation.variant if not situation.units else "the control"
    text = f"Nothing to say: no {situation.unit} have met “{whom}” yet."
    if not situation.units and not situation.control_units:
        text = f"Nothing to say: no {situation.unit} have met the variants yet."
    advice = "Wait for questions." if situation.is_running else "It ended before anybody asked."
    return Verdict("no_data", text, advice, False, situation.variant_id)


def _harmful(situation: Situation, broken: Sequence[Compared]) -> Verdict:
    said = "; ".join(_said_of(one) for one in broken)
    advice = "Stop it." if situation.is_running else "Do not make it the default."
    return Verdict("harmful", f"{_named(situation)} does harm: {said}.", advice, True, situation.variant_id)


def _said_of(one: Compared) -> str:
    """What a figure surely says: "answers fail more often: 4.1 % against 1.2 % of turns failed, difference between
    +1.2 and +4.6 points"."""
    if one.difference is None or one.low is None or one.high is None:
        return f"{one.kpi.title} is unknown"
    width = one.high - one.low
    value, control = one.kpi.value(one.value, width), one.kpi.value(one.control, width)
    return (
        f"{one.kpi.words(one.difference)}: {value} against {control} {one.kpi.noun}, difference"
        f" {one.kpi.between(one.low, one.high)}"
    )


def _missing(situation: Situation) -> bool:
    fewest = min(situation.units, situation.control_units)
    return situation.days < situation.minimum_days or fewest < situation.minimum_units


def _early(situation: Situation) -> Verdict:
    wanted = []
    if situation.days < situation.minimum_days:
        wanted.append(f"{int(situation.days)} of at least {_days(situation.minimum_days)}")
    fewest = min(situation.units, situation.control_units)
    if fewest < situation.minimum_units:
        wanted.append(f"{fewest:,} of at least {situation.minimum_units:,} {situation.unit} in each variant")
    return Verdict(
        "early",
        f"Too early to say: {' and '.join(wanted)}.",
        f"Wait. {_left(situation)}".strip(),
        False,
        situation.variant_id,
    )


def _of_aa(situation: Situation) -> Verdict:
    one = situation.primary
    if one.is_sure and one.low is not None and one.high is not None:
        return Verdict(
            "false_alarm",
            f"False alarm: both variants are the same, yet a difference was found in {one.kpi.title.lower()},"
            f" {one.kpi.between(one.low, one.high)}.",
            f"That is chance in {one.alpha * 100:g} of 100 experiments. If it comes again, look for what treats the two"
            " groups differently.",
            True,
            situation.variant_id,
        )
    found = ""
    if one.low is not None and one.high is not None:
        found = f": {one.kpi.title.lower()} differs {one.kpi.between(one.low, one.high)}"
    return Verdict(
        "same",
        f"As it should be, no difference was found between two variants that are the same{found}.",
        "What real experiments find beyond that is more than noise.",
        one.difference is not None,
        situation.variant_id,
    )


def _sure(situation: Situation) -> Verdict:
    one = situation.primary
    text = f"{_named(situation)} {_said_of(one)}{_safe(situation)}."
    if one.is_worse:
        return Verdict("worse", text, "Keep the control.", True, situation.variant_id)
    advice = f"Make {_named(situation)} the default."
    if one.low is not None and one.high is not None and max(-one.low, one.high) < situation.smallest_effect:
        size = one.kpi.size(situation.smallest_effect)
        advice = (
            f"The difference is there, but smaller than {size}: make {_named(situation)} the default if it is worth it."
        )
    if open_ones := [each for each in situation.guardrails if _is_doubtful(each)]:
        titles = " and ".join(each.kpi.title.lower() for each in open_ones)
        advice = f"Make {_named(situation)} the default if you can live with not being sure about {titles} yet."
    return Verdict("better", text, advice, True, situation.variant_id)


def _safe(situation: Situation) -> str:
    return ", safe to stop" if situation.is_running else ""


def _is_doubtful(guardrail: Compared) -> bool:
    """Whether it may be broken for all one knows, and looks like it or is not known at all."""
    if guardrail.state == "kept":
        return False
    return guardrail.difference is None or not guardrail.kpi.is_better(guardrail.difference)


def _unsure(situation: Situation) -> Verdict:
    one, effect = situation.primary, situation.smallest_effect
    size = one.kpi.size(effect)
    if one.difference is None or one.low is None or one.high is None:
        advice = _left(situation) or f"Wait for {one.kpi.counted}."
        return Verdict(
            "undecided",
            f"Not enough traffic: there are too few {one.kpi.counted} to compare, or most are of a few"
            f" {situation.unit}.",
            advice if situation.is_running else _STOPPED_EARLY,
            not situation.is_running,
            situation.variant_id,
        )
    if -effect < one.low and one.high < effect:
        return Verdict(
            "no_difference",
            f"No difference larger than {size} in {one.kpi.title.lower()} between {_named(situation)} and the control:"
            f" it is {one.kpi.between(one.low, one.high)}{_safe(situation)}.",
            "Keep what is cheaper or simpler.",
            True,
            situation.variant_id,
        )
    so_far = f"So far the difference in {one.kpi.title.lower()} is {one.kpi.between(one.low, one.high)}"
    if not situation.is_running:
        return Verdict(
            "undecided",
            f"Not decided: it stopped before one could be sure. {so_far}.",
            _STOPPED_EARLY,
            True,
            situation.variant_id,
        )
    days = situation.power.days_left
    if days == 0:
        return Verdict(
            "undecided",
            f"Not decided, although a difference of {size} would mostly have been found by now. {so_far}.",
            f"The difference is likely smaller than {size}: stop and keep what is cheaper or simpler, or go on.",
            False,
            situation.variant_id,
        )
    left = f"about {_days(days)} more" if days is not None else "no end is in sight at this traffic"
    return Verdict("undecided", f"Not enough traffic: {left}. {so_far}.", _left(situation), False, situation.variant_id)


def _left(situation: Situation) -> str:
    """How much it takes to find the smallest effect; empty where that is not known."""
    power, kpi = situation.power, situation.primary.kpi
    if power.units_needed is None:
        return ""
    size = kpi.size(situation.smallest_effect)
    if power.units_needed <= power.units:
        return ""
    needed = f"A difference of {size} takes about {_rounded(power.units_needed)} {situation.unit} in both variants"
    return f"{needed}; there are {power.units:,}."


def _days(days: int) -> str:
    return f"{days:,} day" + ("" if days == 1 else "s")


def _rounded(number: int) -> str:
    """Two digits that matter: it is an estimate."""
    size = 10 ** max(0, len(str(number)) - 2)
    return f"{round(number / size) * size:,}"

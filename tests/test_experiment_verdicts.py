"""What experiments say, sentence by sentence."""

import pytest

from monitoring.experiments.figures import Mismatch, Power, Verdict
from monitoring.experiments.kpis import KPIS, MINUS, decimals
from monitoring.experiments.verdicts import overall, verdict_of
from tests.experiment_situations import compared, guardrail, situation

ENOUGH = Power(units_needed=900, units=1000, units_per_day=100.0, days_left=0, power_now=0.85)
ENDLESS = Power(units_needed=1900, units=1000, units_per_day=0.0, days_left=None, power_now=0.4)
FAILS_MORE = guardrail("error_ratio", (0.012, 0.046), "broken", control=0.012)
SPLIT = [("A", 1100, 0.5), ("B", 900, 0.5)]


@pytest.mark.parametrize(
    ("values", "kind", "text", "advice", "is_final"),
    [
        (
            {},
            "better",
            "“B” answers are liked more: 71 % against 64 % thumbs up, difference between +2 and +12 points, safe to"
            " stop.",
            "Make “B” the default.",
            True,
        ),
        (
            {"primary": compared(ends=(-0.12, -0.02))},
            "worse",
            "“B” answers are liked less: 57 % against 64 % thumbs up, difference between -12 and -2 points, safe to"
            " stop.",
            "Keep the control.",
            True,
        ),
        (
            {"primary": compared("total_seconds", (-0.9, -0.3), control=3.1), "smallest_effect": 0.5},
            "better",
            "“B” answers take less time: 2.5 s against 3.1 s for an answer, difference between -0.9 and -0.3 s, safe to"
            " stop.",
            "Make “B” the default.",
            True,
        ),
        (
            {"primary": compared("usd_per_answer", (0.0004, 0.0012), control=0.002), "smallest_effect": 0.0005},
            "worse",
            "“B” answers cost more: $0.0028 against $0.0020 an answer, difference between +$0.0004 and +$0.0012, safe"
            " to stop.",
            "Keep the control.",
            True,
        ),
        (
            {"primary": compared(ends=(0.002, 0.012))},
            "better",
            "“B” answers are liked more: 64.7 % against 64.0 % thumbs up, difference between +0.2 and +1.2 points, safe"
            " to stop.",
            "The difference is there, but smaller than 3 points: make “B” the default if it is worth it.",
            True,
        ),
        (
            {"guardrails": (guardrail("total_seconds", (-0.1, 0.4), "open"),)},
            "better",
            "“B” answers are liked more: 71 % against 64 % thumbs up, difference between +2 and +12 points, safe to"
            " stop.",
            "Make “B” the default if you can live with not being sure about total time yet.",
            True,
        ),
        (
            {"guardrails": (guardrail("total_seconds", (-0.4, 0.1), "open"),), "is_running": False},
            "better",
            "“B” answers are liked more: 71 % against 64 % thumbs up, difference between +2 and +12 points.",
            "Make “B” the default.",
            True,
        ),
        (
            {"primary": compared(ends=(-0.025, 0.028))},
            "no_difference",
            "No difference larger than 3 points in thumbs-up rate between “B” and the control: it is between -2 and +3"
            " points, safe to stop.",
            "Keep what is cheaper or simpler.",
            True,
        ),
        (
            {"primary": compared(ends=(-0.01, 0.07))},
            "undecided",
            "Not enough traffic: about 9 days more. So far the difference in thumbs-up rate is between -1 and +7"
            " points.",
            "A difference of 3 points takes about 1,900 users in both variants; there are 1,000.",
            False,
        ),
        (
            {"primary": compared(ends=None), "is_running": False},
            "undecided",
            "Not enough traffic: there are too few votes to compare, or most are of a few users.",
            "Keep the control, or run a new and longer experiment.",
            True,
        ),
        (
            {"primary": compared(ends=(-0.01, 0.07)), "power": ENDLESS},
            "undecided",
            "Not enough traffic: no end is in sight at this traffic. So far the difference in thumbs-up rate is between"
            " -1 and +7 points.",
            "A difference of 3 points takes about 1,900 users in both variants; there are 1,000.",
            False,
        ),
        (
            {"primary": compared(ends=(-0.01, 0.07)), "power": ENOUGH},
            "undecided",
            "Not decided, although a difference of 3 points would mostly have been found by now. So far the difference"
            " in thumbs-up rate is between -1 and +7 points.",
            "The difference is likely smaller than 3 points: stop and keep what is cheaper or simpler, or go on.",
            False,
        ),
        (
            {"primary": compared(ends=(-0.01, 0.07)), "is_running": False},
            "undecided",
            "Not decided: it stopped before one could be sure. So far the difference in thumbs-up rate is between -1"
            " and +7 points.",
            "Keep the control, or run a new and longer experiment.",
            True,
        ),
        (
            {"primary": compared(ends=None)},
            "undecided",
            "Not enough traffic: there are too few votes to compare, or most are of a few users.",
            "A difference of 3 points takes about 1,900 users in both variants; there are 1,000.",
            False,
        ),
        (
            {"mismatch": Mismatch(0.0001, True), "split": SPLIT},
            "invalid",
            "Invalid: users were not split as planned. “A” got 1,100 of 2,000 instead of about 1,000; “B” got 900 of"
            " 2,000 instead of about 1,000.",
            "Trust no figure of it. Something keeps one variant from being seen or counted, such as an error that only"
            " one has: find it, then start a new experiment.",
            False,
        ),
        (
            {"days": 2.9, "units": 40},
            "early",
            "Too early to say: 2 of at least 7 days and 40 of at least 100 users in each variant.",
            "Wait. A difference of 3 points takes about 1,900 users in both variants; there are 1,000.",
            False,
        ),
        (
            {"units": 0, "control_units": 0},
            "no_data",
            "Nothing to say: no users have met the variants yet.",
            "Wait for questions.",
            False,
        ),
        (
            {"is_started": False},
            "draft",
            "Not started.",
            "Start it to divide the traffic.",
            False,
        ),
        (
            {"guardrails": (FAILS_MORE,), "days": 1.0},
            "harmful",
            "“B” does harm: answers fail more often: 4.1 % against 1.2 % of turns failed, difference between +1.2 and"
            " +4.6 points.",
            "Stop it.",
            True,
        ),
        (
            {"is_aa": True},
            "false_alarm",
            "False alarm: both variants are the same, yet a difference was found in thumbs-up rate, between +2 and +12"
            " points.",
            "That is chance in 5 of 100 experiments. If it comes again, look for what treats the two groups"
            " differently.",
            True,
        ),
        (
            {"is_aa": True, "primary": compared(ends=(-0.02, 0.03))},
            "same",
            "As it should be, no difference was found between two variants that are the same: thumbs-up rate differs"
            " between -2 and +3 points.",
            "What real experiments find beyond that is more than noise.",
            True,
        ),
    ],
)
def test_verdict(values, kind, text, advice, is_final):
    found = verdict_of(situation(**values))

    assert (found.kind, plain(found.text), found.advice, found.is_final) == (kind, text, advice, is_final)
    assert found.variant_id == 2


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace(MINUS, "-")


def test_a_wrong_split_comes_before_harm_and_harm_before_a_win():
    harmful = verdict_of(situation(guardrails=(FAILS_MORE,)))
    invalid = verdict_of(situation(guardrails=(FAILS_MORE,), mismatch=Mismatch(0.0, True), split=SPLIT))

    assert (harmful.kind, invalid.kind) == ("harmful", "invalid")


def test_verdict_on_several_variants_is_that_of_a_winner_and_names_each():
    worse = Verdict("worse", "“B” is worse.", "Keep the control.", True, 2)
    better = Verdict("better", "“C” is better.", "Make “C” the default.", True, 3)
    another = Verdict("better", "“D” is better.", "Make “D” the default.", True, 4)

    assert overall([worse, better]) == better
    both = overall([worse, better, another])
    assert (both.text, both.variant_id) == ("“C” is better. “D” is better.", None)
    assert both.advice.startswith("Each of these is better than the control")


@pytest.mark.parametrize(("width", "digits"), [(0.0, 1), (20, 0), (5, 0), (4.9, 1), (0.5, 1), (0.05, 2), (1e-9, 6)])
def test_digits_are_as_many_as_matter(width, digits):
    assert decimals(width) == digits


def test_values_of_each_unit_as_people_write_them():
    up, total, usd, length = (
        KPIS[name] for name in ("up_ratio", "total_seconds", "usd_per_answer", "answers_per_conversation")
    )

    assert [plain(one) for one in (up.value(0.714), up.value(None), up.change(0.07, 0.1), up.size(0.005))] == [
        "71 %",
        "unknown",
        "+7 points",
        "0.5 points",
    ]
    assert [plain(one) for one in (total.value(1.44), total.change(-0.42), total.size(0.5))] == [
        "1.4 s",
        "-0.42 s",
        "0.5 s",
    ]
    assert [usd.value(0.0021), usd.change(0.0002), usd.size(0.0005)] == ["$0.0021", "+$0.00020", "$0.0005"]
    assert [length.value(2.44), length.change(0.3), plain(length.between(-0.1, 0.2))] == [
        "2.4",
        "+0.30",
        "between -0.10 and +0.20",
    ]
    assert up.between(-0.0001, 0.06) == "between 0 and +6 points"
    assert up.size(0.01) == "1 point"

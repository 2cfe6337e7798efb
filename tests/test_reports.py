"""Figures of the reports: each by hand on a small world."""

from datetime import timedelta
from decimal import Decimal

import pytest
from scipy.stats import binomtest

from chat.models import ImplicitSignal, LLMCall
from monitoring.models import Score
from monitoring.quality.errors import refresh_judge_errors
from monitoring.reports import REPORTS, Filters, read
from monitoring.reports.judge_errors import JudgeError, store_judge_errors
from tests.factories import make_call, make_conversation, make_evaluation_item, make_feedback, make_run, make_user
from tests.reported import DAY, NOON, ask, judge, only, score

pytestmark = pytest.mark.django_db


def test_questions_and_what_became_of_them():
    conversation = make_conversation()
    ask(NOON, conversation=conversation)
    ask(NOON, conversation=conversation, nothing_found=True)
    ask(NOON, status="STOPPED", nothing_found=None)
    ask(NOON, status="FAILED", nothing_found=None, degraded="no reranking")
    ask(NOON, status="INTERRUPTED", nothing_found=None)
    ask(NOON, status="STREAMING", nothing_found=None)
    ask(NOON - timedelta(days=1))

    row = only(read("turns", DAY))

    counts = (
        "turns",
        "answers",
        "failed",
        "stopped",
        "interrupted",
        "unfinished",
        "conversations",
        "degraded",
        "refusals",
    )
    assert [row[name] for name in counts] == [6, 3, 2, 1, 1, 1, 5, 1, 1]
    assert (row["at"], row["key"], row["label"]) == (DAY.since, "", "")
    assert row["error_ratio"] == pytest.approx(2 / 5)
    assert row["refusal_ratio"] == pytest.approx(1 / 3)


def test_intervals_are_wilsons():
    for status in ["DONE"] * 8 + ["FAILED"] * 2:
        ask(NOON, status=status)
    wilson = binomtest(2, 10).proportion_ci(method="wilson")

    row = only(read("turns", DAY))

    assert (row["error_low"], row["error_high"]) == (pytest.approx(wilson.low), pytest.approx(wilson.high))


def test_nothing_is_no_zero():
    row = only(read("turns", DAY))

    assert (row["turns"], row["error_ratio"], row["error_low"], row["refusal_high"]) == (0, None, None, None)
    assert only(read("latency", DAY))["p95_seconds"] is None
    assert only(read("feedback", DAY))["up_ratio"] is None
    assert only(read("answer_cost", DAY))["usd_per_answer"] is None
    assert only(read("retrieval", DAY))["mean_top_similarity"] is None
    assert read("scores", DAY) == []


def test_latency_by_histogram_is_near_the_exact_quantile():
    seconds = [0.05 * 1.13**number for number in range(60)]
    for number in seconds:
        ask(NOON, total_seconds=number, first_token_seconds=number / 10)

    row = only(read("latency", DAY))
    first = only(read("latency", DAY, measure="first_token"))

    assert row["n"] == 60
    assert row["mean_seconds"] == pytest.approx(sum(seconds) / 60)
    for name, rank in (("p50_seconds", 30), ("p95_seconds", 57), ("p99_seconds", 60)):
        assert row[name] == pytest.approx(seconds[rank - 1], rel=0.05)
        assert first[name] == pytest.approx(seconds[rank - 1] / 10, rel=0.05)


def test_latency_by_stage():
    ask(NOON, total_seconds=2.0, embed_seconds=0.1, search_seconds=None)

    rows = {row["key"]: row for row in read("latency", DAY, by="measure", measure=None)}

    assert {key: row["n"] for key, row in rows.items()} == {"total": 1, "embed": 1}
    assert rows["embed"]["p50_seconds"] == pytest.approx(0.1, rel=0.05)


def test_calls_tell_exact_from_estimated_and_unknown_cost():
    turn = ask(NOON, cost_usd=None)
    calls = [
        make_call(turn=turn, cost_usd=Decimal("0.5"), reasoning_tokens=50),
        make_call(turn=turn, cost_usd=Decimal("0.25"), tokens_estimated=True, purpose="rewrite"),
        make_call(
            turn=turn, cost_usd=None, input_tokens=None, output_tokens=None, cached_input_tokens=None, purpose="judge"
        ),
        make_call(turn=turn, cost_usd=Decimal(0), error_code="timeout", attempts=3, model="openai/other"),
    ]
    LLMCall.objects.filter(pk__in=[call.pk for call in calls]).update(created_at=NOON)

    row = only(read("calls", DAY))
    by_purpose = {row["key"]: row["cost_usd"] for row in read("calls", DAY, by="purpose")}

    assert (row["calls"], row["failed_calls"], row["attempts"]) == (4, 1, 6)
    assert (row["cost_usd"], row["exact_usd"], row["estimated_usd"]) == (
        Decimal("0.75"),
        Decimal("0.5"),
        Decimal("0.25"),
    )
    assert (row["unknown_cost_calls"], row["unknown_token_calls"], row["estimated_token_calls"]) == (1, 1, 1)
    assert (row["input_tokens"], row["output_tokens"], row["reasoning_tokens"]) == (3000, 600, 50)
    assert by_purpose == {"answer": Decimal("0.5"), "rewrite": Decimal("0.25"), "judge": None}
    assert only(read("calls", DAY, purpose="judge"))["calls"] == 1
    assert only(read("calls", Filters(DAY.since, DAY.until, model="openai/other")))["calls"] == 1


def test_cost_is_unknown_where_no_call_and_no_answer_has_a_known_one():
    nothing = only(read("calls", DAY)), only(read("answer_cost", DAY))
    call = make_call(turn=ask(NOON, cost_usd=None), cost_usd=None)
    LLMCall.objects.filter(pk=call.pk).update(created_at=NOON)

    calls, answers = only(read("calls", DAY)), only(read("answer_cost", DAY))
    steps = read("calls", DAY, step=timedelta(hours=12))

    assert [row["cost_usd"] for row in nothing] == [0, 0]  # nothing was called, which costs nothing
    assert (calls["calls"], calls["unknown_cost_calls"], calls["cost_usd"]) == (1, 1, None)
    assert (calls["exact_usd"], calls["estimated_usd"]) == (0, 0)
    assert (answers["answers"], answers["known"], answers["cost_usd"]) == (1, 0, None)
    assert [row["cost_usd"] for row in steps] == [0, None]


def test_calls_made_for_evaluations_are_not_users():
    for origin in ("EVALUATION", "USER"):
        call = make_call(turn=None, purpose="question", origin=origin)
        LLMCall.objects.filter(pk=call.pk).update(created_at=NOON)

    assert only(read("calls", DAY))["calls"] == 1
    assert only(read("calls", Filters(DAY.since, DAY.until, origin="EVALUATION")))["calls"] == 1


def test_cost_of_an_answer_and_of_a_thumbs_up():
    for cost in ("0.01", "0.03"):
        make_feedback(turn=ask(NOON, cost_usd=Decimal(cost)))

    row = only(read("answer_cost", DAY))

    assert (row["answers"], row["known"], row["cost_usd"]) == (2, 2, Decimal("0.04"))
    assert row["usd_per_answer"] == pytest.approx(0.02)
    assert row["usd_per_answer_high"] == pytest.approx(0.02 + 1.959964 * 0.01)
    assert row["usd_per_up"] == pytest.approx(0.02)

    ask(NOON, cost_usd=None)

    row = only(read("answer_cost", DAY))
    assert (row["answers"], row["known"], row["usd_per_up"]) == (3, 2, None)
    assert row["usd_per_answer"] == pytest.approx(0.02)


def test_feedback_counts_at_the_time_of_the_question():
    turn = ask(NOON)
    make_feedback(turn=turn, value=-1, comment="No.")
    make_feedback(turn=turn, value=1, user=make_user())
    make_feedback(turn=ask(NOON - timedelta(days=2)))
    ask(NOON)
    ImplicitSignal.objects.create(turn=turn, kind="COPY")
    ImplicitSignal.objects.create(turn=turn, kind="REGENERATE")
    ImplicitSignal.objects.create(turn=turn, kind="OPEN_SOURCE")

    row = only(read("feedback", DAY))

    names = ("answers", "up", "down", "rated", "comments", "copies", "regenerated")
    assert [row[name] for name in names] == [2, 1, 1, 1, 1, 1, 1]
    assert (row["up_ratio"], row["coverage_ratio"]) == (0.5, 0.5)


def test_coverage_counts_votes_on_answers_alone():
    make_feedback(turn=ask(NOON), value=1)
    for status in ("INTERRUPTED", "FAILED", "STREAMING"):
        make_feedback(turn=ask(NOON, status=status), value=-1)
    ask(NOON)

    row = only(read("feedback", DAY))

    assert (row["answers"], row["rated"], row["down"], row["up_ratio"]) == (2, 4, 3, 0.25)
    assert row["coverage_ratio"] == 0.5
    assert row["coverage_low"] < 0.5 < row["coverage_high"]


def test_scores_by_judge_with_unscored_apart():
    version, other = judge(standing="PROVEN"), judge(judge="groundedness", family="llm")
    turns = [ask(NOON) for _ in range(4)]
    for turn, label, value in zip(
        turns, ["SUPPORTED", "PARTLY_SUPPORTED", "UNSUPPORTED", ""], [1.0, 0.5, 0.0, None], strict=True
    ):
        score(turn, version, label, value)
    score(turns[0], other, "SUPPORTED", 1.0)

    rows = {row["judge"]: row for row in read("scores", DAY)}

    row = rows["groundedness_offline"]
    assert (row["scored"], row["unscored"], row["mean"], row["failing"]) == (3, 1, 0.5, 2)
    assert row["failing_ratio"] == pytest.approx(2 / 3)
    assert (row["mean_low"], row["mean_high"]) == (0.0, 1.0)  # 0.5 -+ 0.57, cut at the ends of the scale
    assert (row["is_proven"], row["corrected_ratio"]) == (True, None)
    assert (rows["groundedness"]["scored"], rows["groundedness"]["mean_low"]) == (1, None)


def test_distribution_and_labels_of_scores():
    version = judge()
    for value, label in [(0.05, "UNSUPPORTED"), (0.95, "SUPPORTED"), (1.0, "SUPPORTED")]:
        score(ask(NOON), version, label, value)

    bins = {row["key"]: row["scored"] for row in read("scores", DAY, by="bin", name="groundedness")}
    labels = {row["key"]: row["scored"] for row in read("scores", DAY, by="label")}

    assert bins == {"0": 1, "9": 2}
    assert labels == {"UNSUPPORTED": 1, "SUPPORTED": 2}


def test_failing_rate_is_corrected_for_how_the_judge_errs():
    version = judge()
    for number in range(100):
        failing = number < 30
        score(ask(NOON), version, "UNSUPPORTED" if failing else "SUPPORTED", 0.0 if failing else 1.0)
    store_judge_errors([JudgeError(version.pk, False, 0.8, 0.9, 40.0, 60.0)])

    row = only(read("scores", DAY))

    assert row["corrected_ratio"] == pytest.approx((0.3 + 0.9 - 1) / 0.7)
    # by hand from the formulas of Lang and Reiczigel: n 103.8415, p 0.3074, se 33/42, sp 55/62
    assert row["corrected_low"] == pytest.approx(0.12432, abs=1e-4)
    assert row["corrected_high"] == pytest.approx(0.45399, abs=1e-4)


def test_reviewers_labels_tell_how_a_judge_errs(staff):
    version = judge()
    said = [("UNSUPPORTED", "UNSUPPORTED")] * 3 + [("SUPPORTED", "UNSUPPORTED")] + [("SUPPORTED", "SUPPORTED")] * 4
    for number, (judged, true) in enumerate(said):
        turn = ask(NOON + timedelta(minutes=number))
        score(turn, version, judged, float(judged == "SUPPORTED"))
        Score.objects.create(
            turn=turn,
            name="groundedness",
            source="REVIEWER",
            reviewer=staff,
            value=float(true == "SUPPORTED"),
            label=true,
        )

    assert refresh_judge_errors() == 1
    assert refresh_judge_errors() == 0

    row = only(read("scores", DAY))
    assert row["failing_ratio"] == pytest.approx(3 / 8)
    assert row["corrected_ratio"] == pytest.approx((3 / 8 + 1 - 1) / (3 / 4 + 1 - 1))


def test_what_is_found_and_cited():
    ask(NOON, hit_count=5, cited_count=2, top_similarity=0.8, removed_citations=1)
    ask(NOON, hit_count=0, cited_count=0, top_similarity=None)
    ask(NOON, hit_count=None, status="FAILED")

    row = only(read("retrieval", DAY))

    names = ("answers", "searched", "hits", "empty", "cited", "citations", "removed_citations")
    assert [row[name] for name in names] == [2, 2, 5, 1, 1, 2, 1]
    assert (row["empty_ratio"], row["cited_ratio"], row["mean_top_similarity"]) == (0.5, 0.5, 0.8)


def test_similarity_rests_on_the_searches_that_have_one():
    ask(NOON, hit_count=3, top_similarity=0.9)
    for _ in range(9):
        ask(NOON, hit_count=3, top_similarity=None, search_mode="text")

    row = only(read("retrieval", DAY))

    assert (row["searched"], row["similarity_count"], row["mean_top_similarity"]) == (10, 1, 0.9)
    assert REPORTS["retrieval"].column("mean_top_similarity").n == "similarity_count"


def test_runs_of_evaluations():
    run = make_run()
    for value in (1.0, 0.0, None):
        make_evaluation_item({"hit_rate": value}, run=run)
    filters = Filters(run.created_at - timedelta(hours=1), run.created_at + timedelta(hours=1))

    row = only(read("evaluation_scores", filters))

    assert (row["run_id"], row["measure"], row["n"], row["unscored"], row["mean"]) == (run.pk, "hit_rate", 2, 1, 0.5)

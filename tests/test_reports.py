"""Figures of the reports: each by hand on a small world, filters, steps, groups, intervals, and who may read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import DataError, ProgrammingError, connection, transaction
from scipy.stats import binomtest

from chat.models import Conversation, ImplicitSignal, LLMCall, Turn
from monitoring.judges.criteria import CRITERIA
from monitoring.models import JudgeVersion, Score
from monitoring.quality.errors import refresh_judge_errors
from monitoring.reports import REPORTS, Filters, read, refresh
from monitoring.reports.judge_errors import JudgeError, store_judge_errors
from tests.factories import (
    make_call,
    make_collection,
    make_config,
    make_conversation,
    make_evaluation_item,
    make_feedback,
    make_run,
    make_turn,
    make_user,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = Filters(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def ask(at: datetime, **values) -> Turn:
    """Return an answered turn asked at that time."""
    turn = make_turn(**values)
    Turn.objects.filter(pk=turn.pk).update(created_at=at)
    turn.created_at = at
    return turn


def judge(**values) -> JudgeVersion:
    number = JudgeVersion.objects.count()
    return JudgeVersion.objects.create(
        **{
            "judge": "groundedness_offline",
            "criterion": "groundedness",
            "version": "1",
            "family": "offline",
            "fingerprint": f"print-{number}",
            **values,
        }
    )


def score(turn: Turn, version: JudgeVersion, label: str, value: float | None) -> Score:
    return Score.objects.create(
        turn=turn,
        name=version.criterion,
        source="JUDGE",
        judge_version=version,
        value=value,
        label=label,
        error="" if value is not None else "no verdict",
    )


def raw() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ragsite.reports = 'raw'")


def only(rows: list[dict]) -> dict:
    assert len(rows) == 1
    return rows[0]


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


def test_filters_leave_out_what_does_not_match():
    collection, config = make_collection(), make_config()
    ask(NOON, collection=collection, config=config, model="openai/a")
    ask(NOON, model="openai/b")
    ask(NOON, origin="SYNTHETIC")

    def turns(**filters):
        return only(read("turns", Filters(DAY.since, DAY.until, **filters)))["turns"]

    assert turns() == 2
    assert turns(origin="SYNTHETIC") == 1
    assert turns(collection_id=collection.pk) == 1
    assert turns(config_id=config.pk) == 1
    assert turns(model="openai/b") == 1
    assert turns(model="openai/b", config_id=config.pk) == 0


def test_groups_have_names_for_people():
    collection, config = make_collection(name="Handbook"), make_config(name="fast")
    for _ in range(2):
        ask(NOON, collection=collection, config=config, model="openai/a")
    ask(NOON, collection=None, config=config, model="openai/b")

    by_collection = read("turns", DAY, by="collection")
    by_config = read("turns", DAY, by="config")

    assert [(row["key"], row["label"], row["turns"]) for row in by_collection] == [
        (str(collection.pk), "Handbook", 2),
        ("0", "all collections", 1),
    ]
    assert [(row["label"], row["turns"]) for row in by_config] == [("fast v1", 3)]
    assert [(row["key"], row["turns"]) for row in read("turns", DAY, by="model")] == [("openai/a", 2), ("openai/b", 1)]


def test_each_step_is_there_also_the_empty_ones():
    ask(NOON + timedelta(minutes=59))
    ask(NOON + timedelta(hours=2))
    filters = Filters(NOON, NOON + timedelta(hours=3))

    rows = read("turns", filters, step=timedelta(hours=1))

    assert [(row["at"].hour, row["turns"], row["error_ratio"]) for row in rows] == [
        (12, 1, 0.0),
        (13, 0, None),
        (14, 1, 0.0),
    ]


def test_steps_shorter_than_an_hour():
    ask(NOON + timedelta(minutes=7))
    ask(NOON + timedelta(minutes=12))
    filters = Filters(NOON + timedelta(minutes=6), NOON + timedelta(minutes=15))

    rows = read("turns", filters, step=timedelta(minutes=5))

    assert [(row["at"].minute, row["turns"]) for row in rows] == [(5, 1), (10, 1)]


def test_days_begin_at_midnight_of_the_zone():
    berlin = ZoneInfo("Europe/Berlin")
    before, after = datetime(2026, 3, 29, 0, 30, tzinfo=berlin), datetime(2026, 3, 30, 0, 30, tzinfo=berlin)  # 23 hours
    ask(before)
    ask(after)
    filters = Filters(before - timedelta(hours=2), after + timedelta(hours=2), zone="Europe/Berlin")

    rows = read("turns", filters, step=timedelta(days=1))

    local = [(row["at"].astimezone(berlin).strftime("%d %H:%M"), row["turns"]) for row in rows]
    assert local == [("28 00:00", 0), ("29 00:00", 1), ("30 00:00", 1)]


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
    assert by_purpose == {"answer": Decimal("0.5"), "rewrite": Decimal("0.25"), "judge": Decimal(0)}
    assert only(read("calls", DAY, purpose="judge"))["calls"] == 1
    assert only(read("calls", Filters(DAY.since, DAY.until, model="openai/other")))["calls"] == 1


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


def test_runs_of_evaluations():
    run = make_run()
    for value in (1.0, 0.0, None):
        make_evaluation_item({"hit_rate": value}, run=run)
    filters = Filters(run.created_at - timedelta(hours=1), run.created_at + timedelta(hours=1))

    row = only(read("evaluation_scores", filters))

    assert (row["run_id"], row["measure"], row["n"], row["unscored"], row["mean"]) == (run.pk, "hit_rate", 2, 1, 0.5)


@pytest.mark.parametrize("name", REPORTS)
def test_registry_names_the_columns_of_each_report(name):
    report = REPORTS[name]
    shared = () if report.shape != "figures" else ("at", "key", "label")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proargnames FROM pg_proc WHERE proname = %s AND pronamespace = 'reports'::regnamespace", [name]
        )
        names = cursor.fetchone()[0]

    columns = [*shared, *(column.name for column in report.columns)]

    assert names[len(names) - len(columns) :] == columns
    assert len(set(columns)) == len(columns) or name == "scores"
    for column in report.columns:
        assert column.title and column.description
        assert not column.interval or set(column.interval) <= set(columns)
        assert not column.n or column.n in columns


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"name": "nothing"}, "There is no report 'nothing'"),
        ({"name": "turns", "by": "user"}, "turns is not grouped by 'user'"),
        ({"name": "turns", "step": timedelta(seconds=1)}, "no steps of 0:00:01"),
        ({"name": "storage", "step": timedelta(hours=1)}, "no steps"),
        ({"name": "turns", "measure": "total"}, "turns does not know measure"),
    ],
)
def test_wrong_questions_are_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        read(arguments.pop("name"), DAY, **arguments)


def test_wrong_groups_are_refused_in_sql_too():
    with pytest.raises(DataError, match='not "user"'), transaction.atomic(), connection.cursor() as cursor:
        ask(NOON)
        cursor.execute("SELECT * FROM reports.turns(%s, %s, by => 'user')", [DAY.since, DAY.until])


def test_failing_labels_are_those_of_the_criteria():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, label FROM reports.failing_label")
        stored = set(cursor.fetchall())

    assert stored == {(criterion.name, label) for criterion in CRITERIA.values() for label in criterion.failing}


def test_reader_sees_figures_and_no_table():
    ask(NOON)
    refresh()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE reports_reader")
        cursor.execute("SELECT turns FROM reports.turns(%s, %s)", [DAY.since, DAY.until])
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM reports.turn")
        assert cursor.fetchone() == (1,)
        for refused in ("chat_turn", "auth_user", "reports.turn_hour", "reports.change"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                cursor.execute(f"SELECT count(*) FROM {refused}")  # a constant of this test
        cursor.execute("RESET ROLE")


def test_facts_have_no_text_of_people():
    turn = ask(NOON, question="A secret question", answer="A secret answer")
    make_feedback(turn=turn, comment="A secret comment")
    Conversation.objects.update(title="A secret title")
    with connection.cursor() as cursor:
        for view in ("turn", "feedback", "signal", "score", "call"):
            cursor.execute(f"SELECT fact::text FROM reports.{view} AS fact")  # a constant of this test
            assert "secret" not in str(cursor.fetchall())


def test_handbook_names_each_report():
    handbook = (settings.BASE_DIR / "docs" / "figures.md").read_text()

    assert [name for name in REPORTS if f"`{name}`" not in handbook] == []

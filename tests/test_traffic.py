"""Synthetic traffic: what is planted is what the reports say and the alerts find; it is removed without a trace."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import numpy as np
import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from chat.models import Conversation, Feedback, Hit, LLMCall, PipelineConfig, Turn
from monitoring.exceptions import TrafficError
from monitoring.models import Flag, JudgeVersion, Score
from monitoring.reports import Filters, read, refresh
from monitoring.sole_process import Work
from monitoring.synthetic.traffic import demo
from monitoring.synthetic.traffic.copying import copy_world, writing_of
from monitoring.synthetic.traffic.dividing import is_challenger
from monitoring.synthetic.traffic.drawing import draw_blocks
from monitoring.synthetic.traffic.groups import Groups
from monitoring.synthetic.traffic.live import go_live
from monitoring.synthetic.traffic.removal import remove_synthetic
from monitoring.synthetic.traffic.tally import Tally
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.truth import truth_of
from monitoring.synthetic.traffic.verifying import check_figures, check_incidents
from monitoring.synthetic.traffic.world import WorldArguments, plan_world
from tests.databases import address_of
from tests.factories import make_config, make_document, make_feedback, make_hit, make_turn
from tests.knowledge import make_knowledge

FRIDAY_EVENING = datetime(2026, 6, 26, 18, tzinfo=UTC)
PUMP = (
    "Press the green button for three seconds to start the pump. The lamp turns green when the pump runs.",
    "Press the red button once to stop the pump. Never pull the plug while the motor runs.",
    "Clean the filter of the pump every four weeks with warm water and a soft brush.",
)
VALVE = (
    "The valve is opened by turning the wheel to the left. It closes by itself after an hour.",
    "Grease the spindle of the valve twice a year with silicone grease.",
)


@pytest.fixture
def knowledge(db):
    """Two documents and a default config, without vectors."""
    make_config(name="default", is_default=True)
    make_document(PUMP, title="Pump manual")
    make_document(VALVE, title="Valve manual")


def planned(*, days=1, turns=300, seed=3, until=FRIDAY_EVENING, **more):
    return plan_world(WorldArguments(days, turns, seed, until, **more), read_library(seed=seed))


def synthetic(**filters):
    return Turn.objects.filter(origin="SYNTHETIC", **filters)


def test_reports_say_what_was_planted_and_alerts_find_each_incident(knowledge):
    tally = Tally()
    copy_world(planned(days=4, turns=6000, zone="Europe/Berlin"), on_block=tally.add)
    refresh()

    truth = json.loads(json.dumps(truth_of(tally)))
    figures = list(check_figures(truth, origin="SYNTHETIC"))
    found = list(check_incidents(truth, origin="SYNTHETIC"))

    assert [one for one in figures if not one.is_ok] == []
    assert len(figures) > 300
    assert [one for one in found if not one.is_ok or one.raised_at is None] == []
    assert all(one["observations"] >= one["takes"] for one in truth["incidents"])
    assert [one.alert for one in found] == [
        "slow_first_token", "error_rate", "toxicity", "cost_spike", "thumbs_down_wave", "groundedness_drop",
    ]  # fmt: skip


def test_incidents_of_a_small_world_are_too_few_to_be_found_and_nothing_is_off(knowledge, tmp_path):
    path, out = tmp_path / "truth.json", StringIO()
    options = ["--days", "2", "--turns", "100", "--seed", "1", "--until", "2026-06-26T18:00Z"]
    call_command("simulate_traffic", *options, "--truth", str(path), stdout=StringIO())

    call_command("verify_truth", str(path), stdout=out)

    [slow, *others] = json.loads(path.read_text())["incidents"]
    assert (slow["observations"], slow["takes"]) == (1, 20)
    assert len(others) == 5
    assert "too few to be found: 1, the rule takes 20" in out.getvalue()
    assert "Of the incidents 6 show too little to be found" in out.getvalue()


def test_incident_that_the_rule_could_see_must_be_found(knowledge):
    tally = Tally()
    copy_world(planned(days=4, turns=2000, seed=5), on_block=tally.add)
    refresh()
    truth = json.loads(json.dumps(truth_of(tally)))
    synthetic(status="FAILED").update(status="DONE")  # monitoring that loses errors

    found = {one.what: one for one in check_incidents(truth, origin="SYNTHETIC")}

    assert not found["error_burst"].is_ok
    assert found["slow_hour"].raised_at


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
def test_days_of_a_zone_off_the_full_hour_are_those_of_the_reports(knowledge, zone):
    tally = Tally()
    copy_world(planned(days=3, turns=3000, quiet=True, zone=zone), on_block=tally.add)
    refresh()

    figures = list(check_figures(json.loads(json.dumps(truth_of(tally))), origin="SYNTHETIC"))

    assert sum("[day " in one.name for one in figures) > 30
    assert [one for one in figures if not one.is_ok] == []


def test_hour_in_which_a_range_begins_belongs_to_its_first_day(knowledge):
    midnight = datetime(2026, 6, 30, 18, 30, tzinfo=UTC)  # in India
    world = planned(days=2, turns=5000, until=midnight, zone="Asia/Kolkata")
    writing = writing_of(world)
    groups = Groups(writing)
    days = []

    for block in draw_blocks(world, writing.prices):
        [day] = [group for group in groups.of(block) if group.by == "day"]
        days += zip(block.asked.created.tolist(), [day.keys[place] for place in day.places], strict=True)

    second = datetime(2026, 6, 29, 19, tzinfo=UTC).timestamp()  # the hour from 18:00 on is not cut
    assert {key for at, key in days if at < second} == {"2026-06-29"}
    assert {key for at, key in days if at >= second} == {"2026-06-30"}


def test_quiet_world_raises_no_alert(knowledge):
    tally = Tally()
    copy_world(planned(days=2, turns=2000, seed=5, quiet=True), on_block=tally.add)
    refresh()

    assert list(check_incidents(truth_of(tally), origin="SYNTHETIC")) == []


def test_same_arguments_make_the_same_world(knowledge):
    first, again = (list(draw_blocks(world, writing_of(world).prices)) for world in (planned(), planned()))
    [other] = draw_blocks(planned(seed=4), writing_of(planned(seed=4)).prices)

    assert np.array_equal(first[0].speeds.total, again[0].speeds.total, equal_nan=True)
    assert np.array_equal(first[0].votes.is_up, again[0].votes.is_up)
    assert not np.array_equal(first[0].asked.created, other.asked.created)


def test_user_keeps_the_variant():
    variants = [is_challenger(f"synthetic-{number:04}") for number in range(1, 1001)]

    assert variants[:4] == [is_challenger(f"synthetic-000{number}") for number in (1, 2, 3, 4)]
    assert 430 < variants.count(True) < 570
    assert [is_challenger("anybody", 0.0), is_challenger("anybody", 1.0)] == [False, True]


def test_rows_hang_together(knowledge):
    copy_world(planned(turns=400))

    turn = synthetic(status="DONE", nothing_found=False, position__gt=1).first()
    assert turn.conversation.origin == "SYNTHETIC"
    assert turn.hits.count() == turn.hit_count
    assert turn.hits.filter(is_cited=True).count() == turn.cited_count
    assert turn.hits.get(rank=1).similarity == turn.top_similarity
    assert turn.hits.get(rank=1).chunk.text.startswith(turn.hits.get(rank=1).text[:50])
    assert {call.purpose for call in turn.calls.exclude(purpose="judge")} == {"answer", "rewrite"}
    assert turn.first_token_seconds < turn.total_seconds
    replaced = synthetic(is_current=False).first()
    assert (replaced.replaced_by.get().question, replaced.replaced_by.get().position) == (
        replaced.question,
        replaced.position,
    )
    user = turn.conversation.user
    assert (user.is_active, user.has_usable_password(), user.username[:10]) == (False, False, "synthetic-")


@pytest.mark.django_db(transaction=True)
def test_second_connection_writes_the_rest_and_reports_hear_of_it():
    make_config(name="default", is_default=True)
    make_document(PUMP, title="Pump manual")
    copy_world(planned(turns=200))
    refresh()

    copy_world(planned(turns=100, seed=4))

    filters = Filters(FRIDAY_EVENING - timedelta(days=1), FRIDAY_EVENING + timedelta(hours=1), origin="SYNTHETIC")
    assert read("turns", filters)[0]["turns"] == 300
    assert read("calls", filters)[0]["calls"] == LLMCall.objects.count()
    assert read("feedback", filters)[0]["rated"] == Feedback.objects.count()
    assert Hit.objects.count() == sum(count or 0 for count in synthetic().values_list("hit_count", flat=True))
    assert not Hit.objects.exclude(chunk__document__title="Pump manual").exists()


@pytest.mark.django_db(transaction=True)
def test_reports_hear_of_removal():
    make_config(name="default", is_default=True)
    make_document(PUMP, title="Pump manual")
    copy_world(planned(turns=100))
    Flag.objects.create(turn=synthetic().first(), reason="SLOW", score=Score.objects.filter(source="JUDGE").first())
    refresh()

    remove_synthetic()

    filters = Filters(FRIDAY_EVENING - timedelta(days=1), FRIDAY_EVENING + timedelta(hours=1), origin="SYNTHETIC")
    assert (read("turns", filters)[0]["turns"], read("calls", filters)[0]["calls"]) == (0, 0)
    assert (Turn.objects.count(), LLMCall.objects.count(), Score.objects.count(), Flag.objects.count()) == (0, 0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_of_a_block_when_a_document_is_gone():
    make_config(name="default", is_default=True)
    document = make_document(PUMP, title="Pump manual")
    world = planned(turns=50)
    document.delete()

    with pytest.raises(TrafficError, match="removed meanwhile"):
        copy_world(world)

    assert (Conversation.objects.count(), Turn.objects.count(), Hit.objects.count()) == (0, 0, 0)


def test_removal_takes_all_that_is_synthetic_and_nothing_else(knowledge):
    turn = make_turn(config=PipelineConfig.objects.get())
    make_hit(turn=turn)
    make_feedback(turn=turn)
    Score.objects.create(turn=turn, name="relevance", source="REVIEWER", value=1.0, label="RELEVANT")
    copy_world(planned())
    Flag.objects.create(turn=synthetic().first(), reason="SLOW", score=Score.objects.filter(source="JUDGE").first())
    out = StringIO()

    call_command("simulate_traffic", "--remove", stdout=out)

    assert "300 turns" in out.getvalue()
    assert list(Turn.objects.all()) == [turn]
    assert (Hit.objects.count(), Feedback.objects.count(), Score.objects.count()) == (1, 1, 1)
    assert not get_user_model().objects.filter(username__startswith="synthetic-").exists()
    assert list(PipelineConfig.objects.values_list("name", flat=True)) == ["default"]
    assert not JudgeVersion.objects.filter(version="synthetic-1").exists()


def test_removal_by_age_leaves_what_is_newer(knowledge):
    now = timezone.now()
    copy_world(planned(turns=60, until=now - timedelta(days=20)))
    copy_world(planned(turns=40, until=now))

    remove_synthetic(before=now - timedelta(days=10))

    assert synthetic().count() == 40
    assert get_user_model().objects.filter(username="synthetic-0001").exists()

    out = StringIO()
    call_command("simulate_traffic", "--remove", "--older-than", "10", stdout=out)
    assert "no synthetic traffic to remove, idle for 10 days or more." in out.getvalue()


def test_truth_file_tells_when_a_figure_is_off(knowledge, tmp_path):
    path = tmp_path / "truth.json"
    options = ["--days", "1", "--turns", "400", "--until", "2026-06-26T18:00Z", "--quiet", "--truth", str(path)]
    call_command("simulate_traffic", *options, stdout=StringIO())
    out = StringIO()
    call_command("verify_truth", str(path), "--no-incidents", stdout=out)
    Feedback.objects.filter(value=1).first().delete()

    with pytest.raises(CommandError, match="are off"):
        call_command("verify_truth", str(path), "--no-incidents", stdout=StringIO())

    assert "figures and 0 incidents are as planted" in out.getvalue()


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"version": 2}', '{"version": 2, "figures": []}', '{"version": 1, "figures": [{}]}', "\xff"]
)
def test_truth_file_that_is_none_is_refused(db, tmp_path, text):
    path = tmp_path / "truth.json"
    path.write_text(text, encoding="latin-1")

    with pytest.raises(CommandError, match=r"truth\.json is no"):
        call_command("verify_truth", str(path))


def test_truth_file_that_is_missing_is_refused(db, tmp_path):
    with pytest.raises(CommandError, match=r"missing\.json cannot be read"):
        call_command("verify_truth", str(tmp_path / "missing.json"))


def test_truth_file_without_a_part_is_refused(knowledge, tmp_path):
    path = tmp_path / "truth.json"
    options = ["--days", "1", "--turns", "50", "--until", "2026-06-26T18:00Z", "--truth", str(path)]
    call_command("simulate_traffic", *options, stdout=StringIO())
    truth = json.loads(path.read_text())

    for part in (
        "origin",
        "arguments",
        "since",
        "until",
        "calls_until",
        "planted",
        "experiments",
        "figures",
        "incidents",
    ):
        path.write_text(json.dumps({name: value for name, value in truth.items() if name != part}))
        with pytest.raises(CommandError, match="no truth file"):
            call_command("verify_truth", str(path), stdout=StringIO())


def test_traffic_of_another_world_is_named_as_the_reason(knowledge, tmp_path):
    path = tmp_path / "truth.json"
    options = ["--days", "1", "--turns", "50", "--until", "2026-06-26T18:00Z"]
    call_command("simulate_traffic", *options, "--truth", str(path), stdout=StringIO())

    call_command("simulate_traffic", *options, "--seed", "8", stdout=StringIO())
    with pytest.raises(CommandError, match="100 turns in that time, and the file is of 50"):
        call_command("verify_truth", str(path), "--no-incidents", stdout=StringIO())
    remove_synthetic()
    with pytest.raises(CommandError, match="no such traffic here"):
        call_command("verify_truth", str(path), "--no-incidents", stdout=StringIO())


@pytest.mark.parametrize("options", [["--days", "1", "--turns", "50"], ["--remove"]])
def test_one_process_at_a_time_writes_history_or_removes_it(knowledge, options):
    copy_world(planned(turns=50))
    with psycopg.connect(address_of(connection.settings_dict["NAME"])) as other:
        other.execute("SELECT pg_advisory_lock(%s, 0)", [Work.DEMO.value])
        with pytest.raises(CommandError, match="Start this again when it has ended"):
            call_command("simulate_traffic", *options, stdout=StringIO())
        assert demo.unmake_demo() == "another process is at it"
        other.execute("SELECT pg_advisory_unlock(%s, 0)", [Work.DEMO.value])
    assert synthetic().count() == 50

    call_command("simulate_traffic", *options, stdout=StringIO())

    assert synthetic().count() == (0 if options == ["--remove"] else 100)


def test_without_documents_says_what_to_do(db):
    with pytest.raises(CommandError, match="Add some first"):
        call_command("simulate_traffic", "--turns", "10")


@pytest.mark.parametrize(
    "option",
    [
        ["--days", "0"],
        ["--turns", "0"],
        ["--zone", "Moon/Crater"],
        ["--until", "soon"],
        ["--effect", "0.5"],
        ["--users", "3"],
        ["--seed", "-1"],
        ["--until", "0001-01-01"],
        ["--zone", "Moon/Crater", "--live"],
        ["--rate", "0", "--live"],
        ["--seconds", "-1", "--live"],
        ["--seconds", "5"],
        ["--through-chat"],
        ["--older-than", "3"],
        ["--older-than", "-3", "--remove"],
        ["--truth", "/nowhere/truth.json"],
        ["--truth", "/"],
        ["--truth", "truth.json", "--live"],
        ["--live", "--remove"],
    ],
)
def test_senseless_options_are_refused(knowledge, option):
    with pytest.raises(CommandError, match=option[0] if option[0] != "--zone" else "Moon/Crater"):
        call_command("simulate_traffic", *option)

    assert not synthetic().exists()


@pytest.mark.django_db(transaction=True)
def test_live_traffic_is_of_the_present():
    make_config(name="default", is_default=True)
    make_document(PUMP, title="Pump manual")
    begun = timezone.now()

    asked = go_live(rate=100, seed=1, limit=20)

    assert asked == synthetic().count() >= 20
    assert not synthetic(created_at__lt=begun).exists()
    assert not synthetic(finished_at__gt=timezone.now()).exists()
    assert not Score.objects.filter(created_at__gt=timezone.now()).exists()


@pytest.mark.django_db(transaction=True)
def test_live_traffic_can_go_through_the_chat():
    make_knowledge()

    asked = go_live(rate=5, seed=1, limit=2, through_chat=True)

    turn = synthetic().first()
    assert asked == synthetic().count() == 2
    assert (turn.status, turn.model) == ("DONE", "offline/extractive")
    assert turn.conversation.user.username.startswith("synthetic-")


def test_demo_is_ordered_made_and_removed(knowledge):
    assert demo.demo_state().status == "NONE"

    assert demo.start_demo().status == "RUNNING"
    assert demo.start_demo().status == "RUNNING"
    [task] = [row.task for row in OrmQ.objects.all() if "demo" in row.task["func"]]
    assert import_string(task["func"])(days=2, turns_per_day=50) == "100 turns"
    state = demo.demo_state()
    assert (state.status, state.turns, state.progress) == ("READY", 100, 1.0)
    assert timezone.now() - timedelta(days=2, minutes=2) < state.since < state.until <= timezone.now()

    assert demo.remove_demo().status == "REMOVING"
    assert demo.unmake_demo() == "removed 100 turns"
    assert demo.demo_state().status == "NONE"


def test_demo_without_documents_says_why(db):
    demo.start_demo()

    demo.make_demo()

    assert demo.demo_state().status == "NONE"
    assert "There are no documents" in demo.demo_state().error

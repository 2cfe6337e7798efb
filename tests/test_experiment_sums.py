"""What is counted of an experiment's units: by hand, and against the reports."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from chat.models import ImplicitSignal, PipelineConfig
from monitoring.experiments.counting import Traffic, arrivals, count, exposed, sums_of, unit_values
from monitoring.experiments.kpis import KPIS
from monitoring.experiments.lifecycle import pin
from monitoring.models import Experiment, Exposure
from monitoring.reports import Filters, read
from monitoring.statistics.ratios import Sums
from tests.experiment_traffic import LATER, START, Unit, make_started, meet
from tests.experimented import variant
from tests.factories import make_collection, make_config, make_conversation, make_feedback, make_user
from tests.quality_rows import make_version
from tests.reported import ask, score

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def expose(experiment: Experiment, name: str, *, user=None, conversation=None, at=START) -> None:
    Exposure.objects.create(
        experiment=experiment,
        variant=variant(experiment, name),
        user=user,
        conversation=conversation,
        unit_key=str(user.pk if user else conversation.pk),
        exposed_at=at,
    )


def config_of(experiment: Experiment, name: str) -> PipelineConfig:
    return variant(experiment, name).config


def sums(experiment: Experiment, name: str = "A") -> dict[str, Sums]:
    """All sums of a variant, by KPI."""
    found = count(experiment.pk, LATER).sums
    return {kpi: one for (pk, kpi), one in found.items() if pk == variant(experiment, name).pk}


def test_sums_over_units_by_hand():
    experiment = make_started()
    config, (often, once) = config_of(experiment, "A"), (make_user(), make_user())
    for user in (often, once):
        expose(experiment, "A", user=user)
    talk, other_talk = make_conversation(user=often), make_conversation(user=once)
    common = {"conversation": talk, "config": config}
    liked = ask(START, **common, total_seconds=2.0, first_token_seconds=0.5, cost_usd=Decimal("0.01"))
    refused = ask(START + MINUTE, **common, nothing_found=True, total_seconds=4.0)
    ask(START + 2 * MINUTE, **common, status="FAILED", total_seconds=None, nothing_found=None)
    quiet = ask(START, conversation=other_talk, config=config, total_seconds=1.0)
    make_feedback(turn=liked)
    make_feedback(turn=refused, value=-1)
    for kind in ("REGENERATE", "EDIT", "COPY"):
        ImplicitSignal.objects.create(turn=refused, kind=kind)
    version, rarer = make_version(), make_version()
    score(liked, version, "SUPPORTED", 1.0)
    score(refused, version, "UNSUPPORTED", 0.0)
    score(quiet, version, "", None)
    score(liked, rarer, "UNSUPPORTED", 0.0)

    found = sums(experiment)

    # of units: their number, the sums of x and y, and those of x x, y y, x y
    assert found == {
        "up_ratio": Sums(1, 1, 2, 1, 4, 2),
        "vote_ratio": Sums(2, 2, 3, 4, 5, 4),
        "refusal_ratio": Sums(2, 1, 3, 1, 5, 2),
        "again_ratio": Sums(2, 1, 3, 1, 5, 2),
        "first_token_seconds": Sums(1, 0.5, 1, 0.25, 1, 0.5),
        "total_seconds": Sums(2, 7, 3, 37, 5, 13),
        "usd_per_answer": Sums(1, 0.01, 1, 0.0001, 1, 0.01),
        "answers_per_conversation": Sums(2, 3, 2, 5, 2, 3),
        "error_ratio": Sums(2, 1, 4, 1, 10, 3),
        "groundedness": Sums(1, 1, 2, 1, 4, 2),
        "groundedness_failing": Sums(1, 1, 2, 1, 4, 2),
    }
    assert count(experiment.pk, LATER).judge_versions == {
        "groundedness": version.pk,
        "groundedness_failing": version.pk,
    }
    assert sums(experiment, "B") == {}


def test_turns_that_do_not_count():
    inside, outside = make_collection(), make_collection()
    experiment = make_started(collections=[inside])
    config, user, looker = config_of(experiment, "A"), make_user(), make_user()
    expose(experiment, "A", user=user)
    expose(experiment, "B", user=looker)
    pin(experiment=experiment, user=looker, variant=variant(experiment, "B"))
    talk = make_conversation(user=user, collection=inside)
    ask(START, conversation=talk, config=config)
    ask(START - MINUTE, conversation=talk, config=config)  # before it was met
    ask(LATER, conversation=talk, config=config)  # after what is asked for
    ask(START, conversation=talk, config=make_config())  # another config answered
    ask(START, conversation=make_conversation(user=user, collection=outside), config=config)
    ask(START, conversation=make_conversation(user=user, collection=inside, config=config), config=config)  # chosen
    ask(START, conversation=make_conversation(user=user, collection=inside, origin="SYNTHETIC"), config=config)
    ask(START, conversation=make_conversation(user=looker, collection=inside), config=config_of(experiment, "B"))

    assert sums(experiment)["error_ratio"] == Sums(1, 0, 1, 0, 1, 0)
    assert sums(experiment, "B") == {}
    assert exposed(experiment.pk, START, LATER) == {variant(experiment, "A").pk: (1, 1)}

    Experiment.objects.filter(pk=experiment.pk).update(stopped_at=START + MINUTE, status="STOPPED")
    ask(START + MINUTE, conversation=talk, config=config)

    assert sums(experiment)["error_ratio"].units == 1
    assert sums(experiment)["error_ratio"].y == 1


def test_conversations_are_units_of_their_own():
    experiment = make_started(unit="CONVERSATION")
    config, user = config_of(experiment, "A"), make_user()
    for length in (1, 3):
        talk = make_conversation(user=user)
        expose(experiment, "A", conversation=talk)
        for _ in range(length):
            ask(START, conversation=talk, config=config)
    ask(START, conversation=make_conversation(user=user), config=config)  # never met the variant

    assert sums(experiment)["answers_per_conversation"] == Sums(2, 4, 2, 10, 2, 4)


def test_kpis_are_the_reports_figures_of_the_config():
    experiment = make_started()
    grounded, relevant, toxic = (
        make_version(judge=f"{criterion}_offline", criterion=criterion)
        for criterion in ("groundedness", "relevance", "question_toxicity")
    )
    turns = meet(experiment, "A", [Unit(up=number % 3, down=number % 2, seconds=1 + number) for number in range(6)])
    config = config_of(experiment, "A")
    for number, turn in enumerate(turns):
        turn.first_token_seconds, turn.cost_usd = 0.1 * number, Decimal(number) / 1000 if number % 4 else None
        turn.nothing_found = number % 3 == 0
        turn.status = "FAILED" if number == 5 else "STOPPED" if number == 6 else "DONE"
        turn.save(update_fields=["first_token_seconds", "cost_usd", "nothing_found", "status"])
        score(turn, grounded, *(("SUPPORTED", 1.0) if number % 2 else ("PARTLY_SUPPORTED", 0.5)))
        score(turn, relevant, *(("RELEVANT", 1.0) if number % 3 else ("NON_RELEVANT", 0.0)))
        score(turn, toxic, *(("NOT_TOXIC", 1.0) if number else ("TOXIC", 0.0)))
    make_feedback(turn=turns[5], user=make_user())  # on half an answer
    ImplicitSignal.objects.create(turn=turns[1], kind="REGENERATE")
    filters = Filters(START - timedelta(days=1), START + timedelta(days=1), config_id=config.pk)

    ratios = {kpi: one.ratio for kpi, one in sums(experiment).items()}

    asked, said, cost = (read(name, filters)[0] for name in ("turns", "feedback", "answer_cost"))
    scores = {row["name"]: row for row in read("scores", filters)}
    expected = {
        "up_ratio": said["up_ratio"],
        "vote_ratio": said["coverage_ratio"],
        "again_ratio": said["regenerated"] / said["answers"],
        "refusal_ratio": asked["refusal_ratio"],
        "error_ratio": asked["error_ratio"],
        "answers_per_conversation": asked["answers"] / asked["conversations"],
        "first_token_seconds": read("latency", filters, measure="first_token")[0]["mean_seconds"],
        "total_seconds": read("latency", filters)[0]["mean_seconds"],
        "usd_per_answer": cost["usd_per_answer"],
        "groundedness": scores["groundedness"]["mean"],
        "groundedness_failing": scores["groundedness"]["failing_ratio"],
        "relevance": scores["relevance"]["mean"],
        "relevance_failing": scores["relevance"]["failing_ratio"],
        "toxic_ratio": scores["question_toxicity"]["failing_ratio"],
    }
    assert expected.keys() == KPIS.keys()
    assert min(expected.values()) > 0
    assert ratios == pytest.approx(expected)


def test_traffic_without_an_experiment_is_counted_alike():
    experiment = make_started()
    meet(experiment, "A", [Unit(up=1), Unit(up=2, down=1), Unit()])
    meet(experiment, "A", [Unit(down=1)], at=START + timedelta(days=2))
    config = config_of(experiment, "A")
    ask(START, conversation=make_conversation(user=None), config=config)  # nobody's
    traffic = Traffic(START, LATER, "USER")

    values = unit_values(traffic)

    assert {kpi: sums_of(x, y) for kpi, (x, y) in values.items()} == sums(experiment)
    assert arrivals(traffic) == [(0, 3), (2, 1)]
    assert arrivals(Traffic(START, LATER, "CONVERSATION")) == [(0, 4), (2, 1)]
    assert unit_values(Traffic(START, LATER, "USER", config_id=config.pk + 1)) == {}
    assert unit_values(Traffic(START, LATER, "USER", "API")) == {}


def test_users_who_are_gone_are_left_out():
    experiment = make_started()
    meet(experiment, "A", [Unit(up=1), Unit(up=1)])
    Exposure.objects.first().user.delete()

    assert sums(experiment)["up_ratio"].units == 1
    assert exposed(experiment.pk, START, LATER) == {variant(experiment, "A").pk: (2, 2)}


def test_facts_of_experiments_have_no_text_of_people():
    experiment = make_started(hypothesis="A secret thought")
    meet(experiment, "A", [Unit(up=1)])
    with connection.cursor() as cursor:
        for view in ("experiment", "variant", "exposure", "experiment_look"):
            cursor.execute(f"SELECT fact::text FROM reports.{view} AS fact")  # a constant of this test
            assert "secret" not in str(cursor.fetchall())

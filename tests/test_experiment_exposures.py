"""Exposures: one for each unit, with its first finished turn under the variant, whatever became of the turn."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from chat.models import Turn
from chat.rag.config import AnswerResult
from chat.services.configs import ensure_default_config
from chat.services.conversations import ask, delete_conversation, start_conversation
from chat.services.turns import claim_turn, finish_turn, interrupt_turn, request_stop
from monitoring.experiments.exposing import note_exposure, sweep_exposures
from monitoring.experiments.lifecycle import pin, start, stop
from monitoring.experiments.running import assigned_to, running_plan
from monitoring.models import Experiment, Exposure
from monitoring.tasks import sweep_experiments
from tests.experimented import make_draft, make_experiment, variant
from tests.factories import make_config, make_conversation, make_turn, make_user

pytestmark = pytest.mark.django_db


def finish(turn, status="DONE"):
    claim_turn(turn.pk)
    finish_turn(turn_id=turn.pk, status=status, result=AnswerResult.empty())


@pytest.fixture
def answered(django_capture_on_commit_callbacks):
    """A function that asks for a user and finishes the answer, and lets all hear of it."""

    def answer(user, status="DONE", **values):
        with django_capture_on_commit_callbacks(execute=True):
            turn = start_conversation(user=user, question="Why?", **values)
            finish(turn, status)
        return turn

    return answer


def test_first_finished_turn_is_the_exposure(alice, answered, django_capture_on_commit_callbacks):
    experiment = make_experiment()
    first = answered(alice)
    with django_capture_on_commit_callbacks(execute=True):
        finish(ask(conversation=first.conversation, question="And then?"))
    answered(alice)

    [exposure] = Exposure.objects.all()

    assert (exposure.experiment, exposure.user, exposure.turn) == (experiment, alice, first)
    assert (exposure.unit_key, exposure.exposed_at) == (str(alice.pk), first.created_at)
    assert exposure.variant.config_id == first.config_id
    assert exposure.conversation is None


@pytest.mark.parametrize("status", ["FAILED", "STOPPED", "INTERRUPTED"])
def test_whatever_became_of_the_turn(alice, status, answered, django_capture_on_commit_callbacks):
    make_experiment()
    with django_capture_on_commit_callbacks(execute=True):
        turn = start_conversation(user=alice, question="Why?")
        if status == "FAILED":
            finish(turn, status)
        elif status == "STOPPED":
            request_stop(turn=turn)
        else:
            Turn.objects.filter(pk=turn.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
            interrupt_turn(turn.pk)

    assert Exposure.objects.get().turn == turn


def test_conversations_are_exposed_where_they_are_the_unit(alice, answered):
    make_experiment(unit="CONVERSATION")

    turns = [answered(alice), answered(alice)]

    exposures = Exposure.objects.order_by("exposed_at")
    assert [exposure.conversation for exposure in exposures] == [turn.conversation for turn in turns]
    assert [exposure.unit_key for exposure in exposures] == [str(turn.conversation_id) for turn in turns]


def test_default_that_answered_instead_is_no_exposure(alice, answered, settings):
    ensure_default_config()
    make_experiment()
    settings.CONFIG_PICKER = "tests.test_configs.broken_picker"

    answered(alice)

    assert not Exposure.objects.exists()


def test_pinned_users_and_conversations_with_a_config_of_their_own_are_left_out(alice, mallory):
    experiment = make_experiment()
    chosen = variant(experiment, "B")
    pin(experiment=experiment, user=alice, variant=chosen)
    own = make_conversation(user=mallory, config=assigned_to(make_conversation(user=mallory)).config)
    turns = [
        make_turn(conversation=make_conversation(user=alice), config=chosen.config),
        make_turn(conversation=own, config=own.config),
    ]

    for turn in turns:
        note_exposure(turn.pk)
    sweep_exposures()

    assert not Exposure.objects.exists()


def test_turns_asked_before_the_start_are_none(alice):
    config = make_config(is_default=True)
    draft = make_draft(configs=[config, make_config()], shares=(9999, 1))
    early = make_turn(conversation=make_conversation(user=alice), config=config)
    start(experiment=draft)

    note_exposure(early.pk)
    sweep_exposures()

    assert not Exposure.objects.exists()


def test_turns_count_when_all_processes_know_of_the_start(alice, settings):
    """Until then the default config answers for some, and only those of the control would be exposed."""
    experiment = make_experiment()
    settings.REMEMBER_SECONDS = 60
    running_plan.forget()
    turn = make_turn(
        conversation=make_conversation(user=alice), config=assigned_to(make_conversation(user=alice)).config
    )

    note_exposure(turn.pk)
    before = Exposure.objects.count()
    Turn.objects.filter(pk=turn.pk).update(created_at=experiment.started_at + timedelta(seconds=60))
    note_exposure(turn.pk)
    running_plan.forget()

    assert (before, Exposure.objects.count()) == (0, 1)


def test_nothing_is_read_for_it_while_nothing_runs(alice, settings, django_assert_num_queries):
    settings.REMEMBER_SECONDS = 60
    running_plan.forget()
    turn = make_turn(conversation=make_conversation(user=alice))
    running_plan()

    with django_assert_num_queries(0):
        note_exposure(turn.pk)
    running_plan.forget()


def test_sweep_finds_what_no_signal_told_of():
    experiment = make_experiment()
    people = [make_user() for _ in range(4)]
    for person in people:
        for _ in range(2):
            conversation = make_conversation(user=person)
            make_turn(conversation=conversation, config=assigned_to(conversation).config)
    unfinished = make_conversation()
    make_turn(conversation=unfinished, config=assigned_to(unfinished).config, status="STREAMING")
    note_exposure(Turn.objects.filter(conversation__user=people[0]).earliest("pk").pk)

    assert sweep_experiments() == "3 exposures, 1 looks"
    assert sweep_experiments() == "0 exposures, 0 looks"

    exposures = Exposure.objects.filter(experiment=experiment)
    assert {exposure.user for exposure in exposures} == set(people)
    assert {exposure.turn for exposure in exposures} == {
        Turn.objects.filter(conversation__user=person).earliest("created_at", "pk") for person in people
    }


def test_all_the_time_of_what_was_stopped_is_swept_once_more(alice):
    experiment = make_experiment()
    conversation = make_conversation(user=alice)
    turn = make_turn(conversation=conversation, config=assigned_to(conversation).config)
    yesterday = timezone.now() - timedelta(days=1)
    Experiment.objects.filter(pk=experiment.pk).update(started_at=yesterday - timedelta(days=1))
    Turn.objects.filter(pk=turn.pk).update(created_at=yesterday)

    while_running = sweep_exposures()
    experiment.refresh_from_db()
    stop(experiment=experiment)

    assert (while_running, sweep_exposures()) == (0, 1)


def test_turns_asked_after_the_stop_are_not_swept_up(alice):
    experiment = make_experiment()
    conversation = make_conversation(user=alice)
    config = assigned_to(conversation).config
    stop(experiment=experiment)
    make_turn(conversation=conversation, config=config)

    assert sweep_exposures() == 0


def test_deleted_account_leaves_its_number_and_nothing_else(alice, answered):
    make_experiment()
    number, turn = alice.pk, answered(alice)

    get_user_model().objects.get(pk=alice.pk).delete()

    exposure = Exposure.objects.get()
    assert (exposure.user, exposure.unit_key, exposure.turn) == (None, str(number), turn)
    assert exposure.turn.conversation.user is None


def test_deleted_conversation_keeps_its_exposure(alice, answered):
    make_experiment(unit="CONVERSATION")
    turn = answered(alice)

    delete_conversation(conversation=turn.conversation)

    assert Exposure.objects.get().conversation == turn.conversation


def test_conversation_that_is_removed_for_good_leaves_the_exposure(alice, answered):
    make_experiment()
    turn = answered(alice)

    turn.conversation.delete()

    assert Exposure.objects.get().turn is None

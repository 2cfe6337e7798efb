"""Who gets which variant: as planned, always the same, without a query, and nobody is in two experiments."""

import logging
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from prometheus_client import REGISTRY

from chat.models import Conversation
from chat.services.configs import default_config, ensure_default_config
from chat.services.configs import pick_config as pick
from monitoring.experiments.assignment import Arm, Asker, Plan, Planned, arm_of, assign, bucket_of
from monitoring.experiments.lifecycle import pin, start, stop
from monitoring.experiments.running import pick_config, planned, running_plan
from monitoring.models import Experiment
from tests.experimented import make_draft, make_experiment, variant
from tests.factories import make_collection, make_config, make_conversation, make_user

ROOT = Path(__file__).resolve().parent.parent
USERS = 20_000
ANYWHERE = UUID(int=0)


@pytest.fixture
def remembering(settings):
    """As in production: the plan is read once."""
    settings.REMEMBER_SECONDS = 60
    for remembered in (running_plan, default_config):
        remembered.forget()
    yield
    for remembered in (running_plan, default_config):
        remembered.forget()


def plan_with(shares=(5000, 5000), **values) -> Planned:
    """Return an experiment on all users, without rows; variant 1 is the control."""
    ends = [sum(shares[: place + 1]) for place in range(len(shares))]
    arms = tuple(Arm(place + 1, None, end) for place, end in enumerate(ends))
    return Planned(**{
        "experiment_id": 1, "unit": "USER", "origin": "USER", "salt": "salt", "first_bucket": 0, "traffic": 10_000,
        "started_at": None, "arms": arms, **values,
    })  # fmt: skip


def user(number: int, **values) -> Asker:
    return Asker(**{"user_id": number, "conversation_id": ANYWHERE, "origin": "USER", **values})


def test_twenty_thousand_users_are_split_as_planned():
    halves, thirds = Plan((plan_with(),)), Plan((plan_with((2000, 3000, 5000), salt="other"),))

    of_two = Counter(assign(halves, user(number)).variant_id for number in range(USERS))
    of_three = Counter(assign(thirds, user(number)).variant_id for number in range(USERS))

    assert {name: count / USERS for name, count in of_two.items()} == pytest.approx({1: 0.5, 2: 0.5}, abs=0.01)
    assert {name: count / USERS for name, count in of_three.items()} == pytest.approx(
        {1: 0.2, 2: 0.3, 3: 0.5}, abs=0.01
    )


def test_another_process_says_the_same():
    code = "from monitoring.experiments.assignment import bucket_of; print([bucket_of('s', str(n)) for n in range(99)])"
    setup = "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'ragsite.settings'; django.setup(); "

    there = subprocess.run(
        [sys.executable, "-c", setup + code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert there.strip() == str([bucket_of("s", str(number)) for number in range(99)])


def test_buckets_do_not_change_with_versions_of_ours():
    """Whoever is in an experiment keeps the variant through an update."""
    assert [bucket_of("salt", "1"), bucket_of("salt", "2"), bucket_of("traffic", "1")] == [7444, 6258, 6672]


def test_next_experiment_shuffles_anew_those_of_the_one_before():
    first, then = Plan((plan_with(salt="first"),)), Plan((plan_with(salt="then"),))
    of_one_variant = [number for number in range(USERS) if assign(first, user(number)).variant_id == 1]

    again = sum(assign(then, user(number)).variant_id == 1 for number in of_one_variant)

    assert again / len(of_one_variant) == pytest.approx(0.5, abs=0.02)


def test_experiments_at_once_share_no_user_and_no_conversation():
    """Also where one divides users and the other one conversations."""
    parts = [(0, 3000, "USER"), (3000, 2000, "CONVERSATION"), (6000, 4000, "USER")]
    plan = Plan(
        tuple(
            plan_with(experiment_id=place, first_bucket=first, traffic=traffic, unit=unit)
            for place, (first, traffic, unit) in enumerate(parts)
        )
    )
    met = {number: set() for number in range(5000)}
    for number in met:
        for conversation in range(4):
            assigned = assign(plan, user(number, conversation_id=UUID(int=conversation)))
            met[number].add(assigned.experiment_id if assigned else None)

    assert max(len(experiments) for experiments in met.values()) == 1
    shares = Counter(experiments.pop() for experiments in met.values())
    assert {place: shares[place] / 5000 for place in (0, 1, 2, None)} == pytest.approx(
        {0: 0.3, 1: 0.2, 2: 0.4, None: 0.1}, abs=0.02
    )


def test_conversations_are_divided_where_they_are_the_unit():
    plan = Plan((plan_with(unit="CONVERSATION"),))

    variants = Counter(assign(plan, user(7, conversation_id=UUID(int=number))).variant_id for number in range(2000))

    assert variants[1] / 2000 == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("asker", "is_in"),
    [
        (user(1), True),
        (user(1, origin="API"), False),
        (user(1, origin="SYNTHETIC"), False),
        (user(None), False),
    ],
)
def test_an_experiment_takes_its_own_origin_and_people_who_signed_in(asker, is_in):
    assert (assign(Plan((plan_with(),)), asker) is not None) is is_in


def test_nobody_signed_in_is_divided_by_conversation():
    assert assign(Plan((plan_with(unit="CONVERSATION"),)), user(None)).unit_key == str(ANYWHERE)


def test_collections_and_groups_limit_an_experiment():
    on_manual, for_seven = Plan((plan_with(collection_ids={4}),)), Plan((plan_with(user_ids={7}),))

    assert [assign(on_manual, user(7, collection_id=where)) is not None for where in (4, 5, None)] == [
        True,
        False,
        False,
    ]
    assert [assign(for_seven, user(number)) is not None for number in (7, 8)] == [True, False]


def test_shares_that_do_not_fill_the_buckets_are_an_error():
    with pytest.raises(ValueError, match="must add up to 10000"):
        for number in range(100):
            arm_of(plan_with((100, 100)).arms, "salt", str(number))


@pytest.mark.django_db
class TestPicking:
    def test_users_keep_their_config_in_all_conversations(self):
        experiment = make_experiment()
        names = {variant(experiment, name).config: name for name in "AB"}

        picked = {}
        for person in [make_user() for _ in range(12)]:
            configs = {pick(user=person, conversation=make_conversation(user=person)) for _ in range(3)}
            picked[person] = [names[config] for config in configs]

        assert {len(variants) for variants in picked.values()} == {1}
        assert {variants[0] for variants in picked.values()} == {"A", "B"}

    def test_no_query_once_the_plan_is_known(self, remembering, django_assert_num_queries):
        person = make_user()
        make_experiment(groups=[_group_of(person)])
        conversation = make_conversation(user=person)
        first = pick(user=person, conversation=conversation)

        with django_assert_num_queries(0):
            again = pick(user=person, conversation=conversation)
            again.recipe()

        assert first == again

    def test_nothing_is_asked_when_nothing_runs(self, remembering, alice, django_assert_num_queries):
        default = ensure_default_config()
        make_draft()
        conversation = make_conversation(user=alice)
        pick(user=alice, conversation=conversation)

        with django_assert_num_queries(0):
            assert pick(user=alice, conversation=conversation) == default

    def test_members_of_its_groups_on_its_collections_alone(self, alice, mallory):
        default, manual = ensure_default_config(), make_collection()
        experiment = make_experiment(groups=[_group_of(alice)], collections=[manual])

        picked = [
            pick(user=person, conversation=make_conversation(user=person, collection=where))
            for person, where in ((alice, manual), (alice, None), (mallory, manual))
        ]

        assert picked[0] in {variant(experiment, name).config for name in "AB"}
        assert picked[1:] == [default, default]

    def test_pinned_user_gets_the_variant_before_the_start_and_after_and_not_when_it_stopped(self, alice):
        default, draft = ensure_default_config(), make_draft(traffic=1)
        chosen = variant(draft, "B")

        before = _picked(alice)
        pin(experiment=draft, user=alice, variant=chosen)
        pinned = _picked(alice)
        running = Experiment.objects.get(pk=draft.pk)
        start(experiment=running)
        while_running = _picked(alice)
        stop(experiment=running)

        assert [before, pinned, while_running, _picked(alice)] == [default, chosen.config, chosen.config, default]

    def test_conversation_with_its_own_config_keeps_it(self, alice):
        own = make_config()
        make_experiment()

        assert pick(user=alice, conversation=make_conversation(user=alice, config=own)) == own

    def test_synthetic_experiment_takes_nobody(self, alice):
        default = ensure_default_config()
        make_experiment(origin="SYNTHETIC")

        assert _picked(alice) == default
        assert make_experiment().first_bucket == 0

    def test_failure_leaves_the_default_and_is_counted(self, alice, caplog):
        default, experiment = ensure_default_config(), make_experiment()
        experiment.variants.all().delete()  # nobody can do that
        before = _failures()

        with caplog.at_level(logging.ERROR):
            picked = _picked(alice)

        assert (picked, _failures() - before) == (default, 1)
        assert "config picker failed" in caplog.text

    def test_plan_of_one_experiment_takes_few_queries(self, django_assert_num_queries):
        make_experiment()

        with django_assert_num_queries(4):
            [plan] = planned(Experiment.objects.running())

        assert [arm.end for arm in plan.arms] == [5000, 10_000]

    def test_conversation_without_a_row_is_assigned_too(self, alice):
        """chat asks while the conversation is being stored."""
        experiment = make_experiment()

        assert pick_config(alice, Conversation(user=alice)) in {variant(experiment, name).config for name in "AB"}


def _picked(person):
    return pick(user=person, conversation=make_conversation(user=person))


def _group_of(person) -> Group:
    group, _ = Group.objects.get_or_create(name="testers")
    person.groups.add(group)
    return group


def _failures() -> float:
    return REGISTRY.get_sample_value("ragsite_experiment_assignment_failures_total")

"""From a draft to a conclusion: what is refused and why, what is fixed, and what the history says."""

import random
from itertools import pairwise

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.urls import reverse

from chat.models import PipelineConfig
from chat.services.configs import copy_as_new, ensure_default_config
from monitoring.exceptions import ExperimentError
from monitoring.experiments.buckets import room
from monitoring.experiments.drafts import GuardrailDraft, VariantDraft, draft_problems
from monitoring.experiments.lifecycle import (
    conclude,
    copy_as_draft,
    delete_draft,
    make_winner_default,
    pin,
    save_draft,
    start,
    stop,
    stored_drafts,
    unpin,
)
from monitoring.experiments.running import running_plan
from monitoring.models import Experiment, Pin
from tests.experimented import make_draft, make_experiment, variant, variants_of
from tests.factories import make_collection, make_config

pytestmark = pytest.mark.django_db


def history(row) -> list[str]:
    of_row = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(type(row)), object_id=str(row.pk))
    return [entry.change_message for entry in of_row.order_by("pk")]


def test_draft_is_stored_with_all_that_belongs_to_it(staff):
    manual = make_collection()

    draft = make_draft(guardrails=[GuardrailDraft("error_ratio", 0.01)], collections=[manual], by=staff)

    assert (draft.status, draft.first_bucket, draft.created_by) == ("DRAFT", None, staff)
    assert [(row.name, row.share, row.is_control) for row in draft.variants.all()] == [
        ("A", 5000, True),
        ("B", 5000, False),
    ]
    assert [(row.kpi, row.margin) for row in draft.guardrails.all()] == [("error_ratio", 0.01)]
    assert list(draft.collections.all()) == [manual]
    assert history(draft) == ["Made."]


def test_changed_draft_keeps_the_pins_of_variants_that_stay(alice, mallory):
    draft, more = make_draft(), make_config()
    pin(experiment=draft, user=alice, variant=variant(draft, "A"))
    pin(experiment=draft, user=mallory, variant=variant(draft, "B"))
    kept = variant(draft, "A").config

    save_draft(
        experiment=draft,
        variants=[VariantDraft("C", more, 4000, is_control=True), VariantDraft("A", kept, 6000)],
    )

    assert [(row.name, row.share, row.is_control) for row in draft.variants.all()] == [
        ("C", 4000, True),
        ("A", 6000, False),
    ]
    assert [pin.user for pin in Pin.objects.all()] == [alice]


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"names": "A"}, "variants", "give it two variants or more"),
        ({"names": "AA"}, "variants", 'Two variants are called "a"'),
        ({"shares": (5000, 4000)}, "variants", "add up to 9,000; they must add up to 10,000"),
        ({"shares": (10_000, 0)}, "variants", "a share of at least 1"),
        ({"controls": 0}, "variants", "One variant is the control, which the others are compared with; 0 are marked"),
        ({"controls": 2}, "variants", "2 are marked"),
        ({"configs": "aa"}, "variants", "Two variants have the same config"),
        ({"is_aa": True}, "variants", "In an A/A experiment all variants have the same config"),
        ({"model": "nowhere/x"}, "variants", 'Variant "B" could not answer: No model server "nowhere" is set up'),
        ({"primary_kpi": "luck"}, "primary_kpi", 'There is no KPI "luck"; there are: up_ratio'),
        ({"guardrails": ["luck"]}, "guardrails", 'There is no KPI "luck"'),
        ({"guardrails": ["up_ratio"]}, "guardrails", "is the primary KPI, which decides by itself"),
        ({"guardrails": ["error_ratio"] * 2}, "guardrails", "is a guardrail twice"),
        ({"stops_on_guardrail": True}, "guardrails", "It is to stop when a guardrail is broken, but has none"),
        ({"alpha": 0.5}, "alpha", "less than or equal to 0.2"),
        ({"traffic": 0}, "traffic", "greater than or equal to 1"),
        ({"hypothesis": ""}, "hypothesis", "cannot be blank"),
        ({"smallest_effect": -1.0}, "smallest_effect", "greater than or equal to 0"),
        ({"origin": "EVALUATION"}, "origin", "users, of the API, or synthetic"),
    ],
)
def test_what_is_wrong_is_said_by_field(change, field, words):
    first, second = make_config(), make_config(model=change.pop("model", "offline/extractive"))
    configs = {"aa": (first, first)}.get(change.pop("configs", ""), (first, second))
    shares, controls = change.pop("shares", (5000, 5000)), change.pop("controls", 1)
    variants = [
        VariantDraft(name, config, share, is_control=place < controls)
        for place, (name, config, share) in enumerate(zip(change.pop("names", "AB"), configs, shares, strict=False))
    ]
    guardrails = [GuardrailDraft(kpi) for kpi in change.pop("guardrails", [])]
    values = {"name": "E", "hypothesis": "B is better.", "primary_kpi": "up_ratio", "smallest_effect": 0.05, **change}

    problems = draft_problems(Experiment(**values), variants, guardrails)

    assert list(problems) == [field]
    assert words in problems[field]


def test_a_wrong_draft_is_not_stored():
    config = make_config()

    with pytest.raises(ExperimentError, match="two variants or more"):
        make_draft(configs=[config], shares=[10_000])
    make_draft(name="Taken")
    with pytest.raises(ExperimentError, match="already exists"):
        make_draft(name="Taken")

    assert Experiment.objects.count() == 1


def test_a_a_has_one_config():
    config = make_config()

    assert make_experiment(configs=[config, config], is_aa=True).status == "RUNNING"


def test_start_fixes_an_experiment(staff):
    draft = make_draft()

    start(experiment=draft, by=staff)

    assert (draft.status, draft.first_bucket, draft.started_at is not None) == ("RUNNING", 0, True)
    assert history(draft) == ["Made.", "Started."]
    for refused, words in (
        (lambda: save_draft(experiment=draft, variants=stored_drafts(draft)[0]), "make a copy of it"),
        (lambda: start(experiment=draft), "started already"),
        (lambda: delete_draft(experiment=draft), "stays on record"),
    ):
        with pytest.raises(ExperimentError, match=words):
            refused()


def test_a_started_experiment_fixes_its_configs_before_they_answer(admin_client):
    draft = make_draft()
    config = draft.variants.get(is_control=False).config
    url = reverse("admin:chat_pipelineconfig_change", args=[config.pk])

    assert 'name="top_k"' in admin_client.get(url).text

    start(experiment=draft)
    page = admin_client.get(url).text

    assert 'name="top_k"' not in page
    assert "An experiment uses it, so it stays as it is" in page
    assert (
        'name="top_k"'
        in admin_client.get(reverse("admin:chat_pipelineconfig_change", args=[copy_as_new(config=config).pk])).text
    )


def test_config_that_cannot_answer_any_more_is_found_at_the_start():
    draft = make_draft()
    PipelineConfig.objects.filter(pk=variant(draft, "B").config_id).update(model="nowhere/x")

    with pytest.raises(ExperimentError, match="could not answer"):
        start(experiment=draft)


def test_no_room_says_what_is_left_and_who_holds_it():
    make_experiment(name="First", traffic=3000)
    middle = make_experiment(name="Middle", traffic=3000)
    make_experiment(name="Last", traffic=3000)
    stop(experiment=middle)

    with pytest.raises(ExperimentError) as refused:
        make_experiment(name="Wide", traffic=3500)

    assert str(refused.value) == (
        "There is no room: this needs 3,500 of 10,000 parts of the traffic. Free are 4,000, and 3,000 in one piece."
        ' In use: "First" 3,000, "Last" 3,000. Stop one of them, or take less traffic.'
    )
    assert (room().free, room().largest) == (4000, 3000)


def test_smallest_gap_is_taken():
    """So that the larger one stays for one that needs it."""
    first = make_experiment(traffic=4000)
    make_experiment(traffic=4000)
    stop(experiment=first)

    assert make_experiment(traffic=1500).first_bucket == 8000


def test_ranges_never_overlap_whatever_starts_and_stops():
    """Random starts and stops, with a fixed seed: whenever a start is refused there was no gap of that size."""
    numbers = random.Random(7)
    config, other = make_config(), make_config()
    for number in range(40):
        running = list(Experiment.objects.running())
        if running and numbers.random() < 0.4:
            stop(experiment=numbers.choice(running))
            continue
        draft = make_draft(name=str(number), configs=[config, other], traffic=numbers.randint(1, 6000))
        largest = room().largest
        try:
            start(experiment=draft)
        except ExperimentError:
            assert draft.traffic > largest
        held = room().held
        assert all(before.end <= after.first for before, after in pairwise(held))
        assert all(0 <= one.first < one.end <= 10_000 for one in held)


def test_database_refuses_ranges_that_overlap():
    first, second = make_experiment(traffic=3000), make_experiment(traffic=3000)

    with pytest.raises(IntegrityError, match="monitoring_experiment_layers"), transaction.atomic():
        Experiment.objects.filter(pk=second.pk).update(first_bucket=2999)
    Experiment.objects.filter(pk=second.pk).update(first_bucket=3000)
    stop(experiment=first)
    Experiment.objects.filter(pk=second.pk).update(first_bucket=0)


def test_stop_gives_the_range_free_and_says_why(staff):
    experiment = make_experiment()

    stop(experiment=experiment, by=staff, reason="The model is gone.")

    assert (experiment.status, experiment.stop_reason) == ("STOPPED", "The model is gone.")
    assert experiment.stopped_at >= experiment.started_at
    assert room().free == 10_000
    assert history(experiment)[-1] == "Stopped: The model is gone."
    with pytest.raises(ExperimentError, match="does not run"):
        stop(experiment=experiment)


def test_worker_that_stops_it_is_named_in_the_history():
    experiment = make_experiment()

    stop(experiment=experiment, reason="Guardrail broken.")

    assert LogEntry.objects.latest("pk").user.username == "(ragsite)"


def test_conclusion_stops_what_runs_and_is_for_good(staff):
    experiment = make_experiment()
    winner = variant(experiment, "B")

    conclude(experiment=experiment, winner=winner, text="B is liked more.", by=staff)

    assert (experiment.status, experiment.winner, experiment.conclusion) == ("CONCLUDED", winner, "B is liked more.")
    assert experiment.stopped_at <= experiment.concluded_at
    assert history(experiment)[-2:] == ["Stopped: concluded", "Concluded: B wins. B is liked more."]
    with pytest.raises(ExperimentError, match="only once"):
        conclude(experiment=experiment, winner=None, text="No.")


def test_conclusion_needs_words_and_a_variant_of_its_own():
    experiment, other = make_experiment(traffic=5000), make_experiment(traffic=5000)

    with pytest.raises(ExperimentError, match="Write what was learned"):
        conclude(experiment=experiment, winner=None, text=" ")
    with pytest.raises(ExperimentError, match="no variant of this experiment"):
        conclude(experiment=experiment, winner=variant(other, "B"), text="B.")
    with pytest.raises(ExperimentError, match="Only what ran"):
        conclude(experiment=make_draft(), winner=None, text="Nothing.")

    experiment.refresh_from_db()
    assert experiment.status == "RUNNING"


def test_winner_becomes_the_default_and_both_histories_say_so(staff):
    ensure_default_config()
    experiment = make_experiment(name="Prompts")
    with pytest.raises(ExperimentError, match="with a winner first"):
        make_winner_default(experiment=experiment)
    winner = variant(experiment, "B")
    conclude(experiment=experiment, winner=winner, text="B.", by=staff)

    make_winner_default(experiment=experiment, by=staff)

    assert PipelineConfig.objects.default() == winner.config
    assert history(winner.config) == ['Made the default: it won the experiment "Prompts".']
    assert history(experiment)[-1] == f"Made {winner.config}, the config of B, the default."


def test_copy_is_a_draft_that_divides_anew(staff):
    experiment = make_experiment(name="Prompts", guardrails=[GuardrailDraft("error_ratio", 0.02)], traffic=400)
    conclude(experiment=experiment, winner=variant(experiment, "B"), text="B.")

    copy = copy_as_draft(experiment=experiment, by=staff)

    assert (copy.name, copy.status, copy.winner, copy.conclusion) == ("Prompts (2)", "DRAFT", None, "")
    assert (copy.traffic, copy.started_at, copy.first_bucket, copy.created_by) == (400, None, None, staff)
    assert copy.salt != experiment.salt
    assert stored_drafts(copy) == stored_drafts(experiment)
    assert copy_as_draft(experiment=experiment).name == "Prompts (3)"


def test_draft_can_be_deleted(alice):
    draft = make_draft()
    pin(experiment=draft, user=alice, variant=variant(draft, "B"))

    delete_draft(experiment=draft)

    assert not Experiment.objects.exists()


def test_pins_are_of_variants_of_what_may_still_run(alice):
    experiment, other = make_experiment(traffic=5000), make_experiment(traffic=5000)

    with pytest.raises(ExperimentError, match="no variant of this experiment"):
        pin(experiment=experiment, user=alice, variant=variant(other, "B"))
    stop(experiment=experiment)
    with pytest.raises(ExperimentError, match="does not run any more"):
        pin(experiment=experiment, user=alice, variant=variant(experiment, "B"))


def test_last_pin_of_a_user_holds_until_it_is_taken_away(alice, staff):
    first, second = make_draft(), make_draft()
    pin(experiment=first, user=alice, variant=variant(first, "A"), by=staff)
    pin(experiment=second, user=alice, variant=variant(second, "B"), by=staff)
    pin(experiment=first, user=alice, variant=variant(first, "B"), by=staff)

    assert running_plan().pins[alice.pk].variant_id == variant(first, "B").pk
    unpin(experiment=first, user=alice, by=staff)
    assert running_plan().pins[alice.pk].variant_id == variant(second, "B").pk
    assert history(first)[-2:] == [f"Pinned user {alice.pk} to B.", f"Took the pin of user {alice.pk} away."]


def test_config_of_an_experiment_is_not_deleted_and_the_page_says_why(client, staff):
    experiment = make_draft(name="Prompts")
    config = variant(experiment, "B").config
    client.force_login(staff)
    page = reverse("admin:chat_pipelineconfig_delete", args=[config.pk])

    html = client.get(page).content.decode()
    client.post(page, {"post": "yes"})

    assert PipelineConfig.objects.filter(pk=config.pk).exists()
    assert "protected" in html
    assert "B of Prompts" in html


def test_variants_are_known_by_their_names():
    draft = make_draft()
    configs = [row.config for row in draft.variants.all()]

    with pytest.raises(ExperimentError, match="Each variant needs a name"):
        save_draft(experiment=draft, variants=[*variants_of(configs)[:1], VariantDraft(" ", configs[1], 5000)])

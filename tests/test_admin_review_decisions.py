"""What a reviewer does on the page of an item: decide, skip, add to a dataset, replay. Nothing typed is lost."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.models import CorrectedAnswer, Dataset, DatasetItem, Replay, Review, Score
from monitoring.reviewing.reserving import reserve
from tests.admin_review import form_of, text_of, turn_of, url_of
from tests.factories import make_config, make_hit, make_item
from tests.review_rows import make_member, make_review_item

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def default_config():
    return make_config(is_default=True)


@pytest.fixture
def ann(client):
    user = make_member("reviewer", username="ann")
    client.force_login(user)
    return user


def test_saving_stores_and_opens_the_next(client, ann):
    item, following = make_review_item(priority=9), make_review_item(priority=1)
    turn = turn_of(item)
    client.get(item.get_absolute_url())
    fields = {
        f"label-{turn.pk}-relevance": "NON_RELEVANT",
        f"label-{turn.pk}-toxicity": "",
        "label-all-session_quality": "BAD",
        f"correction-{turn.pk}": "Press **green**.",
        "note": "Old manual.",
    }

    response = client.post(item.get_absolute_url(), form_of(item, **fields))

    assert response.url == following.get_absolute_url()
    assert set(Score.objects.values_list("name", "label")) == {
        ("relevance", "NON_RELEVANT"),
        ("session_quality", "BAD"),
    }
    assert CorrectedAnswer.objects.get().text == "Press **green**."
    assert Review.objects.get(item=item).note == "Old manual."
    assert "1 of 2 today; 1 left" in text_of(client.get(following.get_absolute_url()))


def test_dismissing_needs_nothing_else(client, ann):
    item = make_review_item()

    client.post(item.get_absolute_url(), form_of(item, action="dismiss"))

    item.refresh_from_db()
    assert item.status == "DISMISSED"


def test_skipping_gives_it_back_and_opens_another_until_there_is_no_other(client, ann):
    first, second = make_review_item(priority=9), make_review_item(priority=1)
    client.get(first.get_absolute_url())

    assert client.post(first.get_absolute_url(), form_of(first, action="skip")).url == second.get_absolute_url()
    first.refresh_from_db()
    assert first.status == "OPEN"
    assert client.post(second.get_absolute_url(), form_of(second, action="skip")).url == first.get_absolute_url()


def test_what_cannot_be_stored_comes_back_as_it_was_typed(client, ann):
    item = make_review_item()
    turn = turn_of(item)
    fields = {
        f"label-{turn.pk}-relevance": "RELEVANT",
        f"correction-{turn.pk}": "Press <green>.",
        "note": "x" * 5001,
    }

    response = client.post(item.get_absolute_url(), form_of(item, **fields))

    html = response.content.decode()
    assert response.status_code == 422
    assert "The note has 5,001 characters; at most 5,000 are possible." in html
    assert "Press &lt;green&gt;.</textarea>" in html
    assert re.search(rf'name="label-{turn.pk}-relevance" value="RELEVANT" checked', html)
    assert "x" * 5001 in html


def test_empty_form_is_refused_in_words(client, ann):
    item = make_review_item()

    response = client.post(item.get_absolute_url(), form_of(item))

    assert response.status_code == 422
    assert "Nothing is said yet" in text_of(response)


def test_bad_input_comes_back_also_where_another_took_the_item_over(client, ann):
    item = make_review_item()
    client.get(item.get_absolute_url())
    Review.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))
    reserve(item=item, reviewer=make_member(username="bob"))

    response = client.post(item.get_absolute_url(), form_of(item, note="x" * 5001))

    assert response.status_code == 422
    assert "x" * 5001 in response.content.decode()
    assert "bob is reviewing this" in text_of(response)
    assert client.post(item.get_absolute_url(), form_of(item, note="Shorter.")).status_code == 302
    assert Review.objects.get(reviewer=ann).note == "Shorter."


@pytest.mark.parametrize(
    "fields",
    [
        {"flags": "9" * 40 + ",x,-1", "round": "9" * 40, "note": "a\0b"},
        {"label-99999999999999999999999-relevance": "RELEVANT"},
        {"label--relevance": "RELEVANT", "label-": "x", "correction-": "x", "hits-x": "1", "note": "Seen."},
        {"hits-1": "9" * 40, "note": "Seen."},
    ],
)
def test_fields_that_no_page_sends_break_nothing(client, ann, fields):
    item = make_review_item()

    response = client.post(item.get_absolute_url(), form_of(item, **fields))

    assert response.status_code in (302, 422)


def test_form_that_is_sent_twice_is_stored_once(client, ann):
    item = make_review_item()
    form = form_of(item, note="Seen.")

    client.post(item.get_absolute_url(), form)
    response = client.post(item.get_absolute_url(), form)

    assert response.status_code == 422
    assert "You have decided this already" in text_of(response)
    assert Review.objects.count() == 1


def test_finished_item_is_opened_again_by_a_button(client, ann):
    item = make_review_item()
    client.post(item.get_absolute_url(), form_of(item, note="Seen."))
    assert "Review it again" in text_of(client.get(item.get_absolute_url()))

    response = client.post(url_of("reopen", item.pk), follow=True)

    assert b"review-form" in response.content
    item.refresh_from_db()
    assert (item.status, item.round) == ("IN_REVIEW", 2)


def test_holding_on_says_until_when_or_who_has_it(client, ann):
    item = make_review_item()
    assert client.post(url_of("keep", item.pk)).json()["reserved_until"]
    Review.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))
    reserve(item=item, reviewer=make_member(username="bob"))

    response = client.post(url_of("keep", item.pk))

    assert response.status_code == 409
    assert response.json()["error"].startswith("bob is reviewing this")


def test_each_decision_is_in_the_history(client, ann):
    item = make_review_item()
    client.post(item.get_absolute_url(), form_of(item, note="Seen."))

    assert "Reviewed: 0 labels, a note." in text_of(client.get(url_of("history", item.pk)))


# Into a dataset, and replayed


def test_turn_is_added_from_the_form_as_it_is_filled_in(client, ann):
    item = make_review_item()
    turn = turn_of(item)
    hit = make_hit(turn=turn)
    make_hit(turn=turn)
    fields = {
        f"label-{turn.pk}-relevance": "NON_RELEVANT",
        f"correction-{turn.pk}": "Press green.",
        f"hits-{turn.pk}": str(hit.pk),
        f"dataset-new-{turn.pk}": "pump",
    }

    response = client.post(
        url_of("add_turn", item.pk, turn.pk), form_of(item, **fields), headers={"HX-Request": "true"}
    )

    made = DatasetItem.objects.get()
    assert (made.dataset.name, made.question, made.expected_answer) == ("pump", turn.question, "Press green.")
    assert (made.source_turn, made.tags) == (turn, ["relevance:non_relevant"])
    assert [row.document for row in made.relevant.all()] == [hit.document]
    assert "Replay" in text_of(response)
    assert not Score.objects.exists()  # nothing is decided by that


def test_without_javascript_the_form_comes_back_filled_in(client, ann):
    item = make_review_item()
    turn = turn_of(item)
    fields = {f"correction-{turn.pk}": "Press green.", "note": "Half a thought"}

    response = client.post(url_of("add_turn", item.pk, turn.pk), form_of(item, **fields))

    assert "Added to from-reviews." in text_of(response)
    assert "Half a thought</textarea>" in response.content.decode()


def test_turn_without_a_known_answer_is_refused_in_words(client, ann):
    item = make_review_item()
    url = url_of("add_turn", item.pk, turn_of(item).pk)

    response = client.post(url, form_of(item), headers={"HX-Request": "true"})

    assert "What should it have answered?" in text_of(response)
    assert not Dataset.objects.exists()


def test_decided_turn_is_added_by_what_was_decided(client, ann):
    item = make_review_item()
    turn = turn_of(item)
    client.post(
        item.get_absolute_url(),
        form_of(item, **{f"correction-{turn.pk}": "Green.", f"label-{turn.pk}-refusal": "ANSWERED"}),
    )
    assert "Add to dataset" in text_of(client.get(item.get_absolute_url()))

    response = client.post(url_of("add_turn", item.pk, turn.pk), {f"dataset-{turn.pk}": "from-reviews"})

    assert response.url == item.get_absolute_url()
    made = DatasetItem.objects.get()
    assert (made.expected_answer, made.tags) == ("Green.", ["refusal:answered"])


def test_replay_is_started_and_looked_at_until_it_has_ended(client, ann, default_config):
    item = make_review_item()
    dataset_item = make_item(source_turn=turn_of(item))
    url = url_of("start_replay", item.pk, dataset_item.pk)

    started = client.post(url, form_of(item), headers={"HX-Request": "true"})

    replay = Replay.objects.get()
    assert (replay.item, replay.config, replay.outcome, replay.created_by) == (
        dataset_item,
        default_config,
        "RUNNING",
        ann,
    )
    assert f'hx-get="{url_of("replay", replay.pk)}"' in started.content.decode()
    Replay.objects.update(outcome="FIXED", reason="It says 1 of 1 sentences.")
    ended = client.get(url_of("replay", replay.pk))
    assert "Green: fixed" in text_of(ended)
    assert b"hx-get" not in ended.content


def test_replay_goes_to_the_config_that_was_chosen(client, ann):
    item = make_review_item()
    dataset_item, config = make_item(source_turn=turn_of(item)), make_config()

    response = client.post(
        url_of("start_replay", item.pk, dataset_item.pk), {f"config-{dataset_item.pk}": str(config.pk)}
    )

    assert response.url == item.get_absolute_url()
    assert Replay.objects.get().config == config

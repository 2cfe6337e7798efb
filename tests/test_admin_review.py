"""The pages of the review queue: who may open and do what, and what they show."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from chat.models import Feedback
from monitoring.models import Flag, Replay, Review
from monitoring.reviewing.adding import add_to_dataset
from monitoring.reviewing.deciding import decide
from monitoring.reviewing.reserving import reserve
from monitoring.reviewing.verdict import Verdicts
from tests.admin_review import form_of, text_of, turn_of, url_of
from tests.factories import make_config, make_conversation, make_feedback, make_hit, make_item, make_turn, make_user
from tests.review_rows import make_flag, make_member, make_review_item, make_verdict

pytestmark = pytest.mark.django_db

QUEUE = reverse("admin:monitoring_reviewitem_changelist")

FLAGS = reverse("admin:monitoring_flag_changelist")

NEXT = reverse("admin:monitoring_reviewitem_next")


@pytest.fixture(autouse=True)
def default_config():
    return make_config(is_default=True)


@pytest.fixture
def ann(client):
    user = make_member("reviewer", username="ann")
    client.force_login(user)
    return user


# Who may do what


def _everybody() -> dict[str, object]:
    return {
        "anonymous": None,
        "user": make_user(),
        "staff without a group": make_member(),
        "reviewer": make_member("reviewer"),
        "operator": make_member("operator"),
        "administrator": make_user(is_staff=True, is_superuser=True),
    }


SIGN_IN, NO, OK, GO, WRONG_METHOD = 302, 403, 200, "redirect", 405

# Answers to anonymous, user, staff without a group, reviewer, operator, administrator.
READ = [SIGN_IN, SIGN_IN, NO, OK, OK, OK]

WORK = [SIGN_IN, SIGN_IN, NO, GO, NO, GO]

NOT_SO = [SIGN_IN, SIGN_IN, NO, WRONG_METHOD, NO, WRONG_METHOD]


@pytest.mark.parametrize(
    ("page", "method", "answers"),
    [
        ("queue", "get", READ),
        ("flags", "get", READ),
        ("review", "get", READ),
        ("review", "post", WORK),
        ("history", "get", READ),
        ("next", "post", WORK),
        ("next", "get", NOT_SO),
        ("keep", "post", [SIGN_IN, SIGN_IN, NO, OK, NO, OK]),
        ("keep", "get", NOT_SO),
        ("reopen", "post", WORK),
        ("reopen", "get", NOT_SO),
        ("add_turn", "post", WORK),
        ("add_turn", "get", NOT_SO),
        ("start_replay", "post", WORK),
        ("start_replay", "get", NOT_SO),
        ("replay", "get", READ),
        ("replay", "post", [SIGN_IN, SIGN_IN, NO, WRONG_METHOD, WRONG_METHOD, WRONG_METHOD]),
        ("flags", "post", [SIGN_IN, SIGN_IN, NO, WRONG_METHOD, WRONG_METHOD, WRONG_METHOD]),
        ("add", "get", [SIGN_IN, SIGN_IN, NO, NO, NO, NO]),
        ("delete", "post", [SIGN_IN, SIGN_IN, NO, NO, NO, NO]),
    ],
)
def test_permission_matrix(client, default_config, page, method, answers):
    for (who, user), expected in zip(_everybody().items(), answers, strict=True):
        item = make_review_item()
        turn = turn_of(item)
        dataset_item = make_item(source_turn=turn)
        replay = Replay.objects.create(item=dataset_item, config=default_config)
        addresses = {
            "queue": QUEUE,
            "flags": FLAGS,
            "next": NEXT,
            "add": url_of("add"),
            "add_turn": url_of("add_turn", item.pk, turn.pk),
            "start_replay": url_of("start_replay", item.pk, dataset_item.pk),
            "replay": url_of("replay", replay.pk),
        }
        client.logout()
        if user is not None:
            client.force_login(user)
        url = addresses.get(page) or url_of(page, item.pk)
        data = form_of(item, note="Seen.") if page == "review" and method == "post" else {}

        response = getattr(client, method)(url, data)

        is_sign_in = response.status_code == 302 and "/login/" in response.url
        if expected == GO:
            assert response.status_code == 302 and not is_sign_in, who
        else:
            assert (response.status_code, is_sign_in) == (expected, expected == SIGN_IN), who


def test_operator_opens_an_item_without_reserving_it(client):
    item = make_review_item()
    client.force_login(make_member("operator"))

    response = client.get(item.get_absolute_url())

    assert not Review.objects.exists()
    assert b"review-form" not in response.content
    assert b"review-again" not in response.content


@pytest.mark.parametrize("name", ["review", "keep", "reopen"])
def test_what_is_not_there_or_deleted_is_404(client, ann, name):
    deleted = make_review_item(conversation=make_conversation(deleted_at=timezone.now()))

    for pk in (0, deleted.pk):
        assert client.post(url_of(name, pk)).status_code == 404


def test_turn_and_item_of_another_conversation_are_404(client, ann):
    item, other = make_review_item(), make_review_item()
    foreign = make_item(source_turn=turn_of(other))

    assert client.post(url_of("add_turn", item.pk, turn_of(other).pk)).status_code == 404
    assert client.post(url_of("start_replay", item.pk, foreign.pk)).status_code == 404


# The queue


def test_queue_shows_what_waits_first_come_by_priority(client, ann):
    make_review_item(make_turn(question="Is it slow?"), priority=1)
    urgent = make_review_item(make_turn(question="Is it rude?"), priority=8)
    make_flag(turn=turn_of(urgent), reason="TOXIC", is_advisory=True)
    make_review_item(make_turn(question="Was it good?"), status="RESOLVED")

    text = text_of(client.get(QUEUE))

    assert text.index("Is it rude?") < text.index("Is it slow?")
    assert "Was it good?" not in text
    assert "0 of 2 today; 2 left" in text
    assert "Toxic" in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("status=RESOLVED", {"resolved"}),
        ("status=all", {"open", "held", "resolved"}),
        ("status=OPEN", {"open"}),
        ("reason=SLOW", {"held"}),
        ("assignee=me", {"held"}),
        ("assignee=none", {"open"}),
        ("age=7%2B", {"open"}),
        ("age=1", {"held"}),
        ("origin=API", {"held"}),
        ("q=held", {"held"}),
    ],
)
def test_queue_is_filtered(client, ann, query, shown):
    old = timezone.now() - timedelta(days=8)
    make_review_item(make_turn(question="open?"), opened_at=old)
    held = make_review_item(make_turn(question="held?", origin="API"))
    make_flag(turn=turn_of(held), reason="SLOW")
    reserve(item=held, reviewer=ann)
    make_review_item(make_turn(question="resolved?"), status="RESOLVED", opened_at=old)

    text = text_of(client.get(f"{QUEUE}?{query}"))

    assert {name for name in ("open", "held", "resolved") if f"{name}?" in text} == shown


def test_list_costs_the_same_however_many_items(client, ann, django_assert_max_num_queries):
    for _ in range(12):
        make_review_item()

    with django_assert_max_num_queries(20):
        client.get(QUEUE)


def test_review_next_opens_the_first_and_an_empty_queue_says_so(client, ann):
    item = make_review_item()

    assert client.post(NEXT).url == item.get_absolute_url()
    decide(item=item, reviewer=ann, verdicts=Verdicts(note="Seen."), seen_flags=[Flag.objects.get().pk])
    response = client.post(NEXT, follow=True)
    assert response.redirect_chain[0][0] == QUEUE
    assert "the queue is empty" in text_of(response)


# The page


def test_page_shows_what_there_is_to_know(client, ann):
    conversation = make_conversation(title="About the pump")
    make_turn(conversation=conversation, question="What is a pump?")
    turn = make_turn(conversation=conversation, question="How is it started?", cost_usd="0.0123", total_seconds=2.5)
    make_hit(turn=turn, is_cited=True, text="Press the green button.")
    make_feedback(turn=turn, value=Feedback.Value.DOWN, comment="It is red.")
    make_verdict("UNSUPPORTED", turn=turn, explanation="Nothing of it is in the hits.")
    item = make_review_item(turn)

    response = client.get(item.get_absolute_url())

    text = text_of(response)
    for shown in (
        "About the pump",
        "What is a pump?",
        "How is it started?",
        "Thumbs down",
        "It is red.",
        "$0.0123",
        "2.50 s",
        str(turn.config),
        "Press the green button.",
        "1 hit, 1 cited",
        "Nothing of it is in the hits.",
        "closed until you have chosen",
        "0 of 1 today; 1 left",
        "Session quality",
        "Does the answer answer the question?",
    ):
        assert shown in text, shown
    assert re.search(r'<details class="rv-fold rv-judges">', response.content.decode())
    assert reserve(item=item, reviewer=ann).pk == Review.objects.get().pk


def test_page_costs_the_same_however_long_the_conversation(client, ann, django_assert_max_num_queries):
    conversation = make_conversation()
    config = make_config()
    for _ in range(15):
        turn = make_turn(conversation=conversation, config=config)
        make_hit(turn=turn)
        make_verdict("SUPPORTED", turn=turn)
    item = make_review_item(turn)

    with django_assert_max_num_queries(50):
        client.get(item.get_absolute_url())


def test_answer_that_was_replaced_is_shown_on_its_own_where_it_is_flagged(client, ann):
    conversation = make_conversation()
    flagged = make_turn(conversation=conversation, answer="Five, I think.", is_current=False, position=1)
    make_turn(conversation=conversation, answer="Four.", position=1)
    item = make_review_item(flagged)

    html = client.get(item.get_absolute_url()).content.decode()

    assert f'id="turn-{flagged.pk}"' in html
    assert "replaced by another answer" in html


def test_flagged_turn_of_an_endless_conversation_is_shown(client, ann):
    conversation, config = make_conversation(), make_config()
    turns = [make_turn(conversation=conversation, config=config, position=number) for number in range(1, 206)]
    item = make_review_item(turns[-1])

    html = client.get(item.get_absolute_url()).content.decode()

    assert f'id="turn-{turns[-1].pk}"' in html
    assert f'id="turn-{turns[0].pk}"' not in html


def test_who_has_it_is_said_to_another_who_sees_no_form(client, ann):
    item = make_review_item()
    reserve(item=item, reviewer=make_member("reviewer", username="bob"))

    response = client.get(item.get_absolute_url())

    assert "bob is reviewing this; it is reserved until" in text_of(response)
    assert b"review-form" not in response.content


def test_second_reviewer_finds_nothing_of_the_first_on_any_page(client, ann):
    item = make_review_item(reviews_wanted=2)
    turn = turn_of(item)
    verdicts = Verdicts(
        turns={turn.pk: {"relevance": "PARTLY_RELEVANT"}}, corrections={turn.pk: "Fifty-five."}, note="Oddly put."
    )
    bob = make_member("reviewer", username="bob")
    add_to_dataset(turn=turn, dataset_name="pump", correction="Fifty-five.", author=bob)
    decide(item=item, reviewer=bob, verdicts=verdicts)
    version = make_verdict("NON_RELEVANT", name="relevance", turn=turn, explanation="Judged.").judge_version
    pages = [
        item.get_absolute_url(),
        url_of("history", item.pk),
        QUEUE,
        reverse("admin:monitoring_score_changelist"),
        reverse("admin:monitoring_judgeversion_change", args=[version.pk]),
    ]
    for url in pages:
        text = text_of(client.get(url, follow=True))
        for hidden in (
            "PARTLY_RELEVANT (0.50)",
            "Partly relevant",
            "Fifty-five.",
            "Oddly put.",
            "1 corrected answer",
            "In pump",
        ):
            assert hidden not in text, (url, hidden)
    assert not client.get(pages[4], follow=True).context["page"].object_list
    assert b"review-form" in client.get(item.get_absolute_url()).content

    client.post(item.get_absolute_url(), form_of(item, **{f"label-{turn.pk}-relevance": "PARTLY_RELEVANT"}))
    text = text_of(client.get(item.get_absolute_url()))
    assert "The reviewers agree on 1 of 1 label that was given twice." in text
    assert "bob Partly relevant ann Partly relevant agree" in text
    assert "PARTLY_RELEVANT (0.50)" in text_of(client.get(pages[3]))
    assert client.get(pages[4], follow=True).context["page"].object_list
    assert "Fifty-five." in text
    assert "In pump" in text


# Flags


def test_rules_are_listed_with_how_many_turns_they_found(client, ann, settings):
    settings.SLOW_SECONDS = 20
    make_flag(turn=make_turn(), reason="SLOW")
    make_flag(turn=make_turn(), reason="SLOW", settled_at=timezone.now())
    make_flag(turn=make_turn(), reason="NOT_GROUNDED", is_advisory=True)
    make_flag(turn=make_turn(origin="API"), reason="SLOW")

    users, api = text_of(client.get(FLAGS)), text_of(client.get(f"{FLAGS}?origin=API"))

    assert "Slow The answer took more than 20 s. what is recorded 1 2 1 0" in users
    assert (
        "Not grounded A judge says that the hits do not support the answer, or not all of it. a judge 4 0 0 1" in users
    )
    assert "3 turns of the last 7 days" in users
    assert "Slow The answer took more than 20 s. what is recorded 1 1 1 0" in api

"""Conversations, turns and feedback in the admin: what their pages show, and at what cost in queries."""

from decimal import Decimal

import pytest
from django.urls import reverse

from chat.models import Conversation
from tests.admin_pages import list_of, member, page_of, recorded_turn
from tests.factories import (
    make_call,
    make_chunk,
    make_collection,
    make_config,
    make_conversation,
    make_document,
    make_embedder,
    make_embedding,
    make_feedback,
    make_turn,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return member("operator")


def test_transcript_shows_turns_with_anchor_feedback_and_hits(client, staff):
    turn = recorded_turn(answer="**Bold** and <script>alert(1)</script> [1].")
    client.force_login(staff)

    html = client.get(page_of(turn.conversation)).content.decode()

    assert f'id="turn-{turn.pk}"' in html
    assert "<strong>Bold</strong>" in html
    assert "<script>alert(1)" not in html
    assert "Not what it says." in html
    assert "Inaccurate" in html
    assert "2 hits" in html


def test_replaced_answers_stand_below_the_current_one(client, staff):
    conversation = make_conversation()
    make_turn(conversation=conversation, answer="The first try.", is_current=False, position=1)
    make_turn(conversation=conversation, answer="The second try.", position=1)
    client.force_login(staff)

    html = client.get(page_of(conversation)).content.decode()

    assert "1 replaced answer" in html
    assert html.index("The second try.") < html.index("The first try.")


def test_turn_page_says_what_is_unknown_or_estimated(client, staff):
    turn = make_turn()
    make_call(turn=turn, tokens_estimated=True, input_usd_per_million=None, cost_usd=None)
    client.force_login(staff)

    html = client.get(page_of(turn)).content.decode()

    assert "est.</abbr>" in html
    assert html.count("unknown") >= 2
    assert "$0.00" not in html


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "what stands in the conversation"),
        ([], "nothing: so the program sent it"),
        ([{"question": "A pump?", "answer": "A <b>."}], "A pump?<br>→ A &lt;b&gt;."),
    ],
)
def test_turn_page_says_what_the_answer_was_given_on(client, staff, given, shown):
    client.force_login(staff)
    turn = make_turn(given_history=given)

    assert shown in client.get(reverse("admin:chat_turn_change", args=[turn.pk])).content.decode()


def test_turn_page_shows_cost_and_unit_prices(client, staff):
    turn = make_turn(cost_usd=Decimal("0.00027"))
    make_call(turn=turn)
    client.force_login(staff)

    html = client.get(page_of(turn)).content.decode()

    assert "$0.00027" in html
    assert "$0.15 / $0.60" in html


def test_transcript_costs_the_same_however_long_it_is(client, staff, django_assert_max_num_queries):
    conversation = make_conversation()
    for _ in range(8):
        recorded_turn(conversation=conversation)
    client.force_login(staff)
    client.get(page_of(conversation))

    with django_assert_max_num_queries(12):
        client.get(page_of(conversation))


# Session and user take two queries; a list takes the number of rows, the rows, and what its filters offer. In long
# lists the number and the rows have a time limit each, which takes four statements.
@pytest.mark.parametrize(
    ("model", "queries"),
    [("conversation", 15), ("turn", 16), ("feedback", 13), ("document", 6), ("collection", 4), ("embedder", 5)],
)
def test_lists_cost_the_same_however_long_they_are(client, staff, django_assert_num_queries, model, queries):
    for _ in range(3):
        turn = recorded_turn(collection=make_collection())
        make_embedding(chunk=make_chunk(document=make_document(texts=())))
    make_embedder(name="other/one")
    client.force_login(staff)
    client.get(list_of(model))

    with django_assert_num_queries(queries):
        assert client.get(list_of(model)).status_code == 200
    assert turn.pk


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"good", "bad", "failed"}),
        ("thumbs_down=yes", {"bad"}),
        ("thumbs_down=no", {"good", "failed"}),
        ("failed=yes", {"failed"}),
        ("failed=no", {"good", "bad"}),
        ("origin__exact=API", {"failed"}),
        ("model=gpt", {"bad"}),
        ("deleted=no", {"good", "bad", "failed"}),
        ("q=parrots", {"good"}),
        ("q=finder", {"bad"}),
        ("created_at_from=2020-01-01", {"good", "bad", "failed"}),
    ],
)
def test_conversations_are_filtered(client, staff, query, expected):
    good = make_conversation(title="good")
    make_feedback(turn=make_turn(conversation=good, question="Do parrots sing?"))
    bad = make_conversation(title="bad", user=make_user(username="finder"))
    make_feedback(turn=make_turn(conversation=bad, model="openai/gpt-4o"), value=-1)
    failed = make_conversation(title="failed", origin="API")
    make_turn(conversation=failed, status="FAILED", answer="")
    client.force_login(staff)

    response = client.get(f"{list_of('conversation')}?{query}")

    assert {row.title for row in response.context["cl"].result_list} == expected


def test_conversations_are_filtered_by_config(client, staff):
    turn = make_turn()
    make_turn()
    client.force_login(staff)

    response = client.get(f"{list_of('conversation')}?config={turn.config_id}")

    assert [row.pk for row in response.context["cl"].result_list] == [turn.conversation_id]


def test_conversation_list_counts_turns_and_votes(client, staff):
    conversation = make_conversation()
    make_feedback(turn=make_turn(conversation=conversation))
    turn = make_turn(conversation=conversation)
    make_feedback(turn=turn, value=-1)
    make_feedback(turn=turn, value=-1, user=make_user())
    client.force_login(staff)

    row = client.get(list_of("conversation")).context["cl"].result_list[0]

    assert (row.turn_count, row.up_count, row.down_count) == (2, 1, 2)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("value__exact=1", {"up"}),
        ("value__exact=-1", {"down"}),
        ("reason=TOO_LONG", {"down"}),
        ("reason=HARMFUL", set()),
        ("comment=yes", {"up", "down"}),
        ("comment=no", {""}),
        ("turn__model__icontains=llama", {"down"}),
    ],
)
def test_feedback_is_filtered(client, staff, query, expected):
    make_feedback(comment="up", value=1)
    make_feedback(comment="down", value=-1, reasons=["TOO_LONG", "OTHER"], turn=make_turn(model="ollama/llama3"))
    make_feedback(comment="", value=1)
    client.force_login(staff)

    response = client.get(f"{list_of('feedback')}?{query}")

    comments = {row.comment for row in response.context["cl"].result_list}
    assert comments - {""} == expected - {""}
    assert ("" in comments) == (query in ("value__exact=1", "comment=no"))


def test_feedback_jumps_to_its_turn(client, staff):
    feedback = make_feedback(turn=make_turn(model="openai/gpt-4o", config=make_config(name="careful")))
    client.force_login(staff)

    html = client.get(list_of("feedback")).content.decode()

    assert "openai/gpt-4o" in html
    assert "careful v1" in html

    url = reverse("admin:chat_conversation_change", args=[feedback.turn.conversation_id])
    assert f'href="{url}#turn-{feedback.turn_id}"' in html


def test_deleting_a_conversation_removes_texts_and_keeps_numbers(client, staff):
    turn = recorded_turn(total_seconds=2.5)
    client.force_login(staff)

    client.post(reverse("admin:chat_conversation_delete", args=[turn.conversation_id]), {"post": "yes"})

    turn.refresh_from_db()
    assert (turn.question, turn.answer, turn.total_seconds) == ("", "", 2.5)
    assert Conversation.objects.get().deleted_at is not None


def test_operator_cannot_delete_a_conversation(client, operator):
    turn = make_turn()
    client.force_login(operator)

    response = client.post(reverse("admin:chat_conversation_delete", args=[turn.conversation_id]), {"post": "yes"})

    assert response.status_code == 403

"""Asking, stopping, asking again; votes and signals; with htmx and as plain forms."""

import pytest
from django.urls import reverse

from chat.models import Feedback, ImplicitSignal, Turn
from tests.factories import make_collection, make_config, make_conversation, make_feedback, make_turn

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def config():
    return make_config(name="default", is_default=True)


@pytest.fixture
def turn(alice):
    return make_turn(conversation=make_conversation(user=alice))


@pytest.fixture
def page(client, alice):
    """A client signed in as alice."""
    client.force_login(alice)
    return client


def address(name: str, *args: object) -> str:
    return reverse(f"chat:{name}", args=args)


def test_a_question_comes_back_as_an_empty_turn_that_streams(page, turn):
    data = {"question": "And how often?"}

    html = page.post(address("create-turn", turn.conversation_id), data, headers=HTMX).content.decode()

    asked = Turn.objects.get(position=2)
    assert f'id="turn-{asked.pk}"' in html
    assert f'sse-connect="/turns/{asked.pk}/stream/"' in html
    assert "<html" not in html


def test_the_choices_sent_with_a_question_apply_to_it(page, turn):
    collection = make_collection()
    data = {"question": "And how often?", "search_mode": "text", "collection": collection.pk}

    page.post(address("create-turn", turn.conversation_id), data, headers=HTMX)

    asked = Turn.objects.get(position=2)
    assert (asked.search_mode, asked.collection) == ("text", collection)


def test_a_question_is_refused_while_an_answer_is_written(page, turn):
    Turn.objects.filter(pk=turn.pk).update(status=Turn.Status.STREAMING)

    response = page.post(address("create-turn", turn.conversation_id), {"question": "More?"}, headers=HTMX)

    assert response.status_code == 422
    assert "still being written" in response.content.decode()


def test_a_turn_can_be_shown_alone_or_in_its_place(page, turn):
    assert f'id="turn-{turn.pk}"' in page.get(address("turn", turn.pk), headers=HTMX).content.decode()
    assert page.get(address("turn", turn.pk)).headers["Location"] == turn.get_absolute_url()


def test_stopping_a_waiting_answer(page, turn):
    Turn.objects.filter(pk=turn.pk).update(status=Turn.Status.PENDING)

    assert page.post(address("stop-turn", turn.pk), headers=HTMX).status_code == 204

    turn.refresh_from_db()
    assert turn.status == Turn.Status.STOPPED


def test_stopping_works_without_javascript(page, turn):
    assert page.post(address("stop-turn", turn.pk)).headers["Location"] == turn.get_absolute_url()


def test_an_answer_can_be_made_again(page, turn):
    html = page.post(address("regenerate-turn", turn.pk), headers=HTMX).content.decode()

    replacement = Turn.objects.get(replaces=turn)
    assert f'id="turn-{replacement.pk}"' in html
    assert ImplicitSignal.objects.get(turn=turn).kind == ImplicitSignal.Kind.REGENERATE


def test_only_the_last_question_can_be_asked_again(page, turn):
    make_turn(conversation=turn.conversation)

    response = page.post(address("regenerate-turn", turn.pk), headers=HTMX)

    assert response.status_code == 422
    assert "Only the last question" in response.content.decode()


def test_the_last_question_can_be_edited(page, turn):
    page.post(address("edit-turn", turn.pk), {"question": "How else?"}, headers=HTMX)

    replacement = Turn.objects.get(replaces=turn)
    assert (replacement.question, replacement.position) == ("How else?", turn.position)


def test_an_edited_question_must_not_be_empty(page, turn):
    assert page.post(address("edit-turn", turn.pk), {"question": " "}, headers=HTMX).status_code == 422


def test_a_vote_is_stored_by_one_click_and_opens_the_form(page, turn, alice):
    html = page.post(address("turn-feedback", turn.pk), {"value": "-1"}, headers=HTMX).content.decode()

    assert Feedback.objects.get(turn=turn, user=alice).value == -1
    assert "What was wrong with it?" in html
    assert 'aria-pressed="true"' in html
    assert 'id="announcer" hx-swap-oob="innerHTML">Vote saved.' in html


def test_a_vote_can_be_changed(page, turn, alice):
    make_feedback(turn=turn, user=alice, value=1)

    page.post(address("turn-feedback", turn.pk), {"value": "-1"}, headers=HTMX)

    assert Feedback.objects.get(turn=turn).value == -1


def test_a_vote_can_be_taken_back(page, turn, alice):
    make_feedback(turn=turn, user=alice)

    html = page.post(address("turn-feedback", turn.pk), {"withdraw": "1"}, headers=HTMX).content.decode()

    assert not Feedback.objects.exists()
    assert 'aria-pressed="true"' not in html


def test_reasons_and_a_comment_are_kept(page, turn):
    data = {"value": "-1", "details": "1", "reasons": ["INCOMPLETE", "TOO_LONG"], "comment": "Say how often."}

    page.post(address("turn-feedback", turn.pk), data, headers=HTMX)

    feedback = Feedback.objects.get(turn=turn)
    assert feedback.reasons == ["INCOMPLETE", "TOO_LONG"]
    assert feedback.comment == "Say how often."


def test_a_vote_without_the_form_keeps_the_comment(page, turn, alice):
    make_feedback(turn=turn, user=alice, value=1, comment="Good.")

    page.post(address("turn-feedback", turn.pk), {"value": "1"}, headers=HTMX)

    assert Feedback.objects.get(turn=turn).comment == "Good."


def test_a_vote_works_without_javascript(page, turn):
    response = page.post(address("turn-feedback", turn.pk), {"value": "1"}, follow=True)

    assert response.redirect_chain[0][0] == turn.get_absolute_url()
    assert "Vote saved." in response.content.decode()


@pytest.mark.parametrize("data", [{"value": "5"}, {}, {"value": "1", "details": "1", "reasons": ["UGLY"]}])
def test_a_vote_that_makes_no_sense_is_refused(page, turn, data):
    assert page.post(address("turn-feedback", turn.pk), data, headers=HTMX).status_code == 422
    assert not Feedback.objects.exists()


def test_copying_is_noted(page, turn, alice):
    assert page.post(address("turn-signal", turn.pk), {"kind": "COPY"}).status_code == 204

    assert ImplicitSignal.objects.get(turn=turn, user=alice).kind == ImplicitSignal.Kind.COPY


@pytest.mark.parametrize("kind", ["", "REGENERATE", "ANYTHING"])
def test_signals_that_come_with_an_action_cannot_be_sent(page, turn, kind):
    assert page.post(address("turn-signal", turn.pk), {"kind": kind}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_without_javascript_the_page_comes_with_the_finished_answer(client, django_user_model):
    user = django_user_model.objects.create_user("ann")
    client.force_login(user)

    response = client.post(reverse("chat:create-conversation"), {"question": "How do I back up?"}, follow=True)

    turn = Turn.objects.get()
    assert turn.is_finished
    assert response.status_code == 200
    assert f'id="turn-{turn.pk}"' in response.content.decode()
    assert "sse-connect" not in response.content.decode()


def test_another_window_gets_what_was_asked_since_its_last_turn(page, turn):
    second = make_turn(conversation=turn.conversation, position=2, question="And how often?")
    url = address("newer-turns", turn.conversation_id)

    html = page.get(url, {"after": turn.pk}, headers=HTMX).content.decode()
    nothing = page.get(url, {"after": second.pk}, headers=HTMX)

    assert f'id="turn-{second.pk}"' in html
    assert f'id="turn-{turn.pk}"' not in html
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert page.get(url).headers["Location"] == turn.conversation.get_absolute_url()


def test_another_window_gets_an_answer_that_was_given_again(page, turn):
    Turn.objects.filter(pk=turn.pk).update(is_current=False)
    again = make_turn(conversation=turn.conversation, position=1, replaces=turn)

    html = page.get(address("newer-turns", turn.conversation_id), {"after": turn.pk}, headers=HTMX).content.decode()

    assert f'id="turn-{again.pk}"' in html
    assert 'data-position="1"' in html


def test_what_did_not_work_is_said_in_plain_words_and_in_detail_to_staff(page, turn, alice):
    degraded = "rewriting failed (server_error), the rule was used; gpt/a failed, gpt/b answered; something new"
    Turn.objects.filter(pk=turn.pk).update(degraded=degraded)

    html = page.get(address("conversation", turn.conversation_id)).content.decode()

    assert "Your question was searched with words of the one before it." in html
    assert "Another model than the chosen one answered." in html
    assert "The answer may be less good." in html
    assert "server_error" not in html
    alice.is_staff = True
    alice.save()
    assert degraded in page.get(address("conversation", turn.conversation_id)).content.decode()

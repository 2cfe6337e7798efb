"""The new page, the transcript, the list, and what a user does to a conversation."""

import json
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat.models import Conversation, Turn
from chat.views.sidebar import group_by_day
from tests.factories import (
    make_call,
    make_chunk,
    make_collection,
    make_config,
    make_conversation,
    make_document,
    make_hit,
    make_turn,
)

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def config():
    return make_config(name="default", is_default=True)


@pytest.fixture
def conversation(alice):
    return make_conversation(user=alice, title="Backups")


@pytest.fixture
def page(client, alice):
    """A client signed in as alice."""
    client.force_login(alice)
    return client


def address(name: str, *args: object) -> str:
    return reverse(f"chat:{name}", args=args)


def test_without_documents_a_user_is_told_whom_to_ask(page):
    html = page.get(address("home")).content.decode()

    assert "Ask your administrator" in html
    assert 'id="question"' not in html


def test_without_documents_staff_are_led_to_the_upload(client, staff):
    client.force_login(staff)

    assert reverse("admin:chat_document_changelist") in client.get(address("home")).content.decode()


def test_first_questions_come_from_the_chosen_collection(page):
    chosen, other = make_collection(), make_collection()
    make_chunk(document=make_document((), title="How do I restore a backup?", collection=chosen))
    make_chunk(document=make_document((), title="How do I bake bread?", collection=other))

    html = page.get(address("home"), {"collection": chosen.pk}).content.decode()

    assert 'value="How do I restore a backup?"' in html
    assert "bake bread" not in html


def test_where_no_heading_is_a_question_headings_are_asked_about(page):
    make_chunk(document=make_document((), title="Handbook"), heading_path="Handbook > Daily backups")

    assert "What does “Handbook” say about daily backups?" in page.get(address("home")).content.decode()


def test_a_collection_that_does_not_exist_is_ignored(page):
    assert page.get(address("home"), {"collection": "99999"}).status_code == 200
    assert page.get(address("home"), {"collection": "x"}).status_code == 200


def test_the_first_question_makes_a_conversation(page, alice):
    response = page.post(address("create-conversation"), {"question": "How do I back up?"}, headers=HTMX)

    turn = Turn.objects.get(conversation__user=alice)
    assert turn.question == "How do I back up?"
    assert turn.status == Turn.Status.PENDING
    assert response.headers["HX-Push-Url"] == turn.conversation.get_absolute_url()
    assert response.headers["HX-Retarget"] == "#page"
    html = response.content.decode()
    assert address("turn-stream", turn.pk) in html
    assert "<html" not in html


def test_the_choices_beside_the_question_are_kept(page):
    collection = make_collection()
    data = {"question": "How?", "search_mode": "text", "collection": collection.pk}

    page.post(address("create-conversation"), data, headers=HTMX)

    turn = Turn.objects.get()
    assert (turn.search_mode, turn.collection) == ("text", collection)
    assert (turn.conversation.search_mode, turn.conversation.collection) == ("text", collection)


def test_a_clicked_suggestion_is_asked_in_place_of_the_empty_box(page):
    page.post(address("create-conversation"), {"question": "", "suggestion": "How do I restore?"}, headers=HTMX)

    assert Turn.objects.get().question == "How do I restore?"


def test_an_empty_question_is_refused_in_words(page):
    response = page.post(address("create-conversation"), {"question": "  "}, headers=HTMX)

    assert response.status_code == 422
    assert response.headers["HX-Retarget"] == "#error"
    assert "Type a question first." in response.content.decode()
    assert not Turn.objects.exists()


def test_without_javascript_a_refusal_is_a_message_on_the_page(page):
    make_document()

    response = page.post(address("create-conversation"), {"question": "x" * 5000}, follow=True)

    assert "5,000 characters" in response.content.decode()


def test_choices_that_are_not_offered_are_neither_shown_nor_taken(page, settings):
    settings.USER_CHOICES = frozenset({"collection"})
    make_document()

    html = page.get(address("home")).content.decode()
    page.post(address("create-conversation"), {"question": "How?", "search_mode": "text"}, headers=HTMX)

    assert 'name="collection"' in html
    assert 'name="search_mode"' not in html
    assert Turn.objects.get().search_mode == "hybrid"


def test_a_search_mode_that_does_not_exist_is_refused(page):
    response = page.post(address("create-conversation"), {"question": "How?", "search_mode": "magic"}, headers=HTMX)

    assert response.status_code == 422


def test_a_single_model_is_no_choice(page):
    make_document()

    assert 'name="model"' not in page.get(address("home")).content.decode()


def test_the_transcript_shows_answers_with_their_sources(page, conversation):
    turn = make_turn(conversation=conversation, answer="Seven are kept [1].")
    hit = make_hit(turn=turn, is_cited=True)

    html = page.get(address("conversation", conversation.pk)).content.decode()

    source = f"/documents/{hit.document_id}/?turn={turn.pk}&amp;chunk={hit.chunk_id}#chunk-{hit.chunk_id}"
    assert html.count(source) == 2  # the citation, and the card of the source
    assert f'id="turn-{turn.pk}"' in html
    assert "sse-connect" not in html


def test_an_unfinished_answer_is_followed(page, conversation):
    turn = make_turn(conversation=conversation, status=Turn.Status.PENDING, answer="")

    html = page.get(address("conversation", conversation.pk)).content.decode()

    assert f'sse-connect="/turns/{turn.pk}/stream/" sse-close="done"' in html
    assert '<noscript><meta http-equiv="refresh"' in html


@pytest.mark.parametrize("status", [Turn.Status.FAILED, Turn.Status.INTERRUPTED])
def test_a_failed_answer_says_why_and_offers_retry(page, conversation, status):
    make_turn(conversation=conversation, status=status, answer="", error_message="The model did not answer.")

    html = page.get(address("conversation", conversation.pk)).content.decode()

    assert "The model did not answer." in html
    assert "Retry" in html


def test_a_stopped_answer_is_marked(page, conversation):
    make_turn(conversation=conversation, status=Turn.Status.STOPPED)

    assert "You stopped this answer" in page.get(address("conversation", conversation.pk)).content.decode()


def test_only_staff_see_figures_and_unknown_cost_is_said(client, page, staff, conversation):
    make_call(turn=make_turn(conversation=conversation, cost_usd=None), cost_usd=None, tokens_estimated=True)
    assert "cost unknown" not in page.get(address("conversation", conversation.pk)).content.decode()
    conversation.user = staff
    conversation.save(update_fields=["user"])
    client.force_login(staff)

    html = client.get(address("conversation", conversation.pk)).content.decode()

    assert "cost unknown" in html
    assert "1,000 in, 200 out" in html
    assert ">est.</abbr>" in html


def test_a_longer_transcript_takes_no_more_queries(page, conversation, django_assert_num_queries):
    url = address("conversation", conversation.pk)
    make_hit(turn=make_turn(conversation=conversation))
    page.get(url)  # what is cached is cached
    with CaptureQueriesContext(connection) as short:
        page.get(url)
    for _ in range(6):
        make_hit(turn=make_turn(conversation=conversation))

    with django_assert_num_queries(len(short)):
        page.get(url)

    assert len(short) <= 12


def test_what_a_question_holds_is_shown_as_text(page, conversation):
    make_turn(conversation=conversation, question="<script>alert(1)</script>", answer="<script>alert(2)</script>")

    html = page.get(address("conversation", conversation.pk)).content.decode()

    assert "<script>alert" not in html


def test_the_list_holds_own_conversations_that_match(page, conversation, mallory):
    make_conversation(user=mallory, title="Backups of mallory")
    make_turn(conversation=make_conversation(title="Bread", user=conversation.user), question="flour?", answer="")

    found = page.get(address("conversations"), {"q": "backups"}, headers=HTMX).content.decode()
    in_text = page.get(address("conversations"), {"q": "flour"}).content.decode()

    assert "Backups" in found
    assert "mallory" not in found
    assert "Bread" not in found
    assert "<html" not in found
    assert "Bread" in in_text
    assert "<html" in in_text


def test_the_list_shows_fifty_and_a_way_to_older_ones(page, alice):
    for number in range(51):
        make_conversation(user=alice, title=f"Number {number}.")

    first = page.get(address("conversations"), headers=HTMX).content.decode()
    second = page.get(address("conversations"), {"page": 2}, headers=HTMX).content.decode()

    assert first.count('class="conversation-link"') == 50
    assert "?page=2" in first
    assert second.count('class="conversation-link"') == 1
    assert "?page=3" not in second


def test_conversations_are_grouped_as_one_speaks_of_days():
    now = timezone.now()
    ages = [0, 1, 1, 5, 20, 90]
    rows = [Conversation(title=str(age), updated_at=now - timedelta(days=age)) for age in ages]

    groups = group_by_day(rows, today=timezone.localtime(now).date())

    assert [(group.label, len(group.conversations)) for group in groups] == [
        ("Today", 1),
        ("Yesterday", 2),
        ("Previous 7 days", 1),
        ("Previous 30 days", 1),
        ("Earlier", 1),
    ]
    assert group_by_day([], today=date(2026, 1, 1)) == []


def test_renaming_writes_the_title_where_it_stands(page, conversation):
    response = page.post(address("rename-conversation", conversation.pk), {"title": " Restores "}, headers=HTMX)

    conversation.refresh_from_db()
    assert conversation.title == "Restores"
    assert json.loads(response.headers["HX-Trigger"]) == {"renamed": {"id": str(conversation.pk), "title": "Restores"}}


def test_renaming_works_without_javascript(page, conversation):
    response = page.post(address("rename-conversation", conversation.pk), {"title": "Restores"})

    assert response.headers["Location"] == conversation.get_absolute_url()


def test_an_empty_title_is_refused(page, conversation):
    assert page.post(address("rename-conversation", conversation.pk), {"title": " "}, headers=HTMX).status_code == 422


def test_deleting_asks_first(page, conversation):
    html = page.get(address("delete-conversation", conversation.pk)).content.decode()

    assert "Delete this conversation?" in html
    assert Conversation.objects.get(pk=conversation.pk).deleted_at is None


def test_a_deleted_conversation_is_gone(page, conversation):
    response = page.post(address("delete-conversation", conversation.pk), follow=True)

    assert "The conversation was deleted." in response.content.decode()
    assert page.get(address("conversation", conversation.pk)).status_code == 404


def test_export_as_markdown_and_json(page, conversation):
    make_turn(conversation=conversation, answer="Seven are kept.")

    markdown = page.get(address("export-conversation", conversation.pk), {"format": "markdown"})
    data = page.get(address("export-conversation", conversation.pk), {"format": "json"})

    assert markdown.headers["Content-Disposition"] == 'attachment; filename="backups.md"'
    assert "Seven are kept." in markdown.content.decode()
    assert data.headers["Content-Disposition"] == 'attachment; filename="backups.json"'
    assert data.json()["turns"][0]["answer"] == "Seven are kept."


def test_choices_are_kept_for_the_next_question(page, conversation):
    response = page.post(address("conversation-choices", conversation.pk), {"search_mode": "vector"}, headers=HTMX)

    conversation.refresh_from_db()
    assert response.status_code == 204
    assert conversation.search_mode == "vector"


def test_choices_that_were_not_sent_stay(page, conversation):
    conversation.search_mode = "text"
    conversation.save(update_fields=["search_mode"])

    page.post(address("conversation-choices", conversation.pk), {"collection": ""})

    conversation.refresh_from_db()
    assert conversation.search_mode == "text"

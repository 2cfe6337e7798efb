"""Lists of the API in pages: each row once, there and back, however many rows have the same value."""

from base64 import b64encode
from datetime import UTC, datetime
from itertools import chain

import pytest
from django.utils import timezone

from chat.models import Conversation, Turn
from monitoring.models import ReviewItem
from tests.api_clients import api_client
from tests.factories import make_config, make_conversation, make_turn
from tests.judged import ago
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
TURNS, CONVERSATIONS, REVIEWS = "/api/v1/turns/", "/api/v1/conversations/", "/api/v1/reviews/"
WATCHED = "/api/v1/monitoring/turns/"
AT = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
MANY = 1_600  # of one moment; the REST framework's own cursors get no further than 1,000


def walk(client, address, way="next", **query):
    """Return the ids on all pages from an address on, page by page, and the last page."""
    page = client.get(address, query).json()
    pages = [[row["id"] for row in page["results"]]]
    while page[way]:
        assert len(pages) < 20, "it goes round in circles"
        page = client.get(page[way]).json()
        pages.append([row["id"] for row in page["results"]])
    return pages, page


def flat(pages):
    return [*chain.from_iterable(pages)]


def make_turns_of_one_moment(user, count):
    conversation, config = make_conversation(user=user, origin="API"), make_config()
    turns = [
        Turn(
            conversation=conversation, config=config, position=place, is_current=False, origin="API", status="DONE",
            question="Why?", search_mode="text", model="m",
        )
        for place in range(count)
    ]  # fmt: skip
    Turn.objects.bulk_create(turns)
    Turn.objects.update(created_at=AT)
    return sorted((turn.pk for turn in turns), reverse=True)


@pytest.mark.parametrize("address", [TURNS, WATCHED])
def test_turns_of_one_moment_are_listed_to_the_end_and_back(admin_user, address):
    turns = make_turns_of_one_moment(admin_user, MANY)
    client = api_client(admin_user)

    pages, last = walk(client, address, limit=500, fields="id")
    back, first = walk(client, last["previous"], "previous")

    assert [len(page) for page in pages] == [500, 500, 500, 100]
    assert flat(pages) == turns
    assert flat(reversed(back)) == turns[:1500]
    assert (first["previous"], last["next"]) == (None, None)


def test_items_of_one_priority_are_listed_to_the_end():
    conversations = Conversation.objects.bulk_create(Conversation(title="T", origin="API") for _ in range(MANY))
    items = [
        ReviewItem(conversation=conversation, priority=0.1 + 0.2 if place < 1_200 else 7.0, opened_at=timezone.now())
        for place, conversation in enumerate(conversations)
    ]
    ReviewItem.objects.bulk_create(items)
    client = api_client(make_member("reviewer"))

    pages, _ = walk(client, REVIEWS, limit=500)

    ids = [item.pk for item in reversed(items)]
    assert flat(pages) == ids


def test_rows_with_and_without_ties_keep_their_order(alice):
    moments = [ago(days=days) for days in (5, 5, 4, 3, 3, 3, 2, 1, 1)]
    conversations = [make_conversation(user=alice) for _ in moments]
    for conversation, moment in zip(conversations, moments, strict=True):
        Conversation.objects.filter(pk=conversation.pk).update(updated_at=moment)
    expected = [str(pk) for pk in Conversation.objects.order_by("-updated_at", "-pk").values_list("pk", flat=True)]
    client = api_client(alice)

    for limit in range(1, 10):
        pages, last = walk(client, CONVERSATIONS, limit=limit)
        back, _ = walk(client, last["previous"], "previous") if last["previous"] else ([], last)

        assert flat(pages) == expected
        assert flat(reversed(back)) == expected[: len(expected) - len(pages[-1])]


def test_page_after_one_that_is_gone_leads_to_the_last_and_one_before_to_the_first(alice):
    conversation = make_conversation(user=alice)
    turns = [make_turn(conversation=conversation) for _ in range(4)]
    client = api_client(alice)
    first = client.get(TURNS, {"limit": 2}).json()
    second = client.get(first["next"]).json()

    Turn.objects.filter(pk__in=[turns[0].pk, turns[1].pk]).delete()
    after = client.get(first["next"]).json()
    last = client.get(after["previous"]).json()

    assert (after["results"], after["next"]) == ([], None)
    assert [row["id"] for row in last["results"]] == [turns[3].pk, turns[2].pk]
    assert (last["next"], last["previous"]) == (None, None)

    Turn.objects.all().delete()
    make_turn(conversation=conversation)
    Turn.objects.update(created_at=ago(days=1))
    before = client.get(second["previous"]).json()

    assert (before["results"], before["previous"]) == ([], None)
    assert "cursor" not in before["next"]


@pytest.mark.parametrize(
    "cursor",
    [
        "p=2026-03-02+12%3A00%3A00%2B00%3A00",  # as they were
        "o=1000",
        "r=1&p=2026-03-02+12%3A00%3A00%2B00%3A00",
        "p=2026-03-02+12%3A00%3A00&k=1",  # without a time zone
        "p=2026-03-02&k=1",
        "p=2026-03-02+12%3A00%3A00%2B00%3A00&k=x",
        "p=2026-03-02+12%3A00%3A00%2B00%3A00&k=%00",
        "p=2026-03-02+12%3A00%3A00%2B00%3A00&k=1&k=2",
        "p=3.0&k=1",  # of the queue
        "p=&k=",
        "r=0",
        "x",
    ],
)
def test_cursor_that_is_none_of_the_list_is_refused(alice, cursor):
    make_turn(conversation=make_conversation(user=alice))

    for text in (cursor, b64encode(cursor.encode()).decode()):
        body = assert_problem(api_client(alice).get(TURNS, {"cursor": text}), 400, "invalid")

        assert [(error["field"], error["detail"]) for error in body["errors"]] == [
            ("cursor", "Not a cursor of this list; begin again without one.")
        ]

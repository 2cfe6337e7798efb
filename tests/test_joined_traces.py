"""The trace that a request is part of is stored with the questions that it asks; what is no `traceparent` is not."""

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from chat.database import in_database
from chat.models import Turn
from chat.services.conversations import start_conversation
from chat.trace_context import incoming_traceparent, joining, read_traceparent
from tests.factories import make_config, make_user

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SPAN}-01"
AS_HTMX = {"HX-Request": "true"}  # others wait for the whole answer


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER, HEADER),
        (f" {HEADER} ", HEADER),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"cc-{TRACE}-{SPAN}-01-what-a-later-version-adds", HEADER),
        (f"cc-{TRACE}-{SPAN}-01", HEADER),
        ("", ""),
        ("hello", ""),
        (HEADER.upper(), ""),
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{TRACE}-{SPAN}-01-more", ""),
        (f"cc-{TRACE}-{SPAN}-01more", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE[:-1]}-{SPAN}-01", ""),
        (f"00-{TRACE}-{SPAN}", ""),
    ],
)
def test_a_header_is_read_by_the_grammar_of_w3c(header, expected):
    assert read_traceparent(header) == expected


def test_what_works_in_a_database_thread_sees_the_trace():
    async def ask() -> str:
        with joining(HEADER):
            return await in_database(incoming_traceparent)

    assert asyncio.run(ask()) == HEADER


@pytest.mark.django_db
def test_a_question_asked_by_a_page_is_part_of_the_requests_trace(client, alice):
    make_config(is_default=True)
    client.force_login(alice)

    client.post(reverse("chat:create-conversation"), {"question": "When?"}, headers=AS_HTMX | {"traceparent": HEADER})
    client.post(
        reverse("chat:create-conversation"), {"question": "Where?"}, headers=AS_HTMX | {"traceparent": "nonsense"}
    )
    client.post(reverse("chat:create-conversation"), {"question": "Who?"}, headers=AS_HTMX)

    assert [*Turn.objects.order_by("pk").values_list("question", "traceparent")] == [
        ("When?", HEADER),
        ("Where?", ""),
        ("Who?", ""),
    ]


@pytest.mark.django_db
def test_a_question_asked_by_an_async_client_is_part_of_the_requests_trace(async_client, alice):
    make_config(is_default=True)
    async_client.force_login(alice)

    async def ask() -> None:
        await async_client.post(
            reverse("chat:create-conversation"), {"question": "When?"}, headers=AS_HTMX | {"traceparent": HEADER}
        )

    async_to_sync(ask)()

    assert Turn.objects.get().traceparent == HEADER


@pytest.mark.django_db
def test_what_is_asked_outside_of_a_request_is_part_of_no_trace():
    make_config(is_default=True)

    turn = start_conversation(user=make_user(), question="When?")

    assert turn.traceparent == ""

"""The stream of an answer, over the real pipeline with the offline answerer."""

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.urls import reverse

from chat.models import Turn
from chat.views.stream import frame
from tests.factories import make_config, make_conversation, make_turn, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def events(text: str) -> list[tuple[str, str]]:
    """Parse a stream as a browser does: name and data of each event."""
    parsed = []
    for block in text.split("\n\n"):
        lines = [line.partition(": ")[::2] for line in block.split("\n") if line and not line.startswith(":")]
        name = next((value for field, value in lines if field == "event"), "")
        data = "\n".join(value for field, value in lines if field == "data")
        if name:
            parsed.append((name, data))
    return parsed


@async_to_sync
async def read(async_client, user, turn: Turn) -> tuple[HttpResponse, list[tuple[str, str]]]:
    """Return the response to `user` and the events of its stream, if it is one."""
    await async_client.aforce_login(user)
    response = await async_client.get(reverse("chat:turn-stream", args=[turn.pk]))
    if not response.streaming:
        return response, []
    text = b"".join([part async for part in response.streaming_content]).decode()
    return response, events(text)


def make_waiting_turn() -> Turn:
    conversation = make_conversation(user=make_user())
    return make_turn(conversation=conversation, config=make_config(), status=Turn.Status.PENDING, answer="")


def test_a_waiting_turn_is_answered_and_ends_whole(async_client):
    turn = make_waiting_turn()

    response, heard = read(async_client, turn.conversation.user, turn)

    turn.refresh_from_db()
    assert turn.status == Turn.Status.DONE
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert heard[0][0] == "snapshot"
    assert ("stage", "Searching the documents…") in heard
    assert [name for name, _ in heard].count("done") == 1
    assert heard[-1][0] == "done"
    assert f'id="turn-{turn.pk}"' in heard[-1][1]
    assert "sse-connect" not in heard[-1][1]


def test_a_finished_turn_sends_all_of_it_at_once(async_client):
    turn = make_turn(answer="First.\n\nSecond <b>.")

    _, heard = read(async_client, turn.conversation.user, turn)

    assert [name for name, _ in heard] == ["snapshot", "done"]
    assert "<p>First.</p>" in heard[0][1]
    assert "Second &lt;b&gt;." in heard[0][1]


def test_a_stranger_gets_404(async_client):
    turn = make_waiting_turn()

    response, _ = read(async_client, make_user(), turn)

    turn.refresh_from_db()
    assert response.status_code == 404
    assert turn.status == Turn.Status.PENDING


@pytest.mark.parametrize("data", ["", " a", "a\nb", "a\r\nb\rc", "\n", "event: done\n\ndata: x"])
def test_an_event_says_what_it_was_given(data):
    line = frame("token", data)

    assert line.startswith("event: token\n")
    assert line.endswith("\n\n")
    assert events(line) == [("token", data.replace("\r\n", "\n").replace("\r", "\n"))]
    assert line.count("\n\n") == 1

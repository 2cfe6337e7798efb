"""The Python client in clients/, against a real server."""

import pytest

from chat.rag.config import Provider
from clients.ragsite_client import Ragsite, RagsiteError
from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

MODEL = {"model": "fake/default"}


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def ragsite(transactional_db, alice, fake_llm):
    make_knowledge()
    with api_server() as url:
        yield Ragsite(url, token=secret_of(alice), timeout_seconds=60)


def test_client_asks_streams_lists_searches_votes_and_says_what_failed(ragsite, fake_llm):
    rewritten = "How long is the button pressed to start the pump?"
    fake_llm.enqueue("Press the green button [1].", rewritten, "For three seconds [1].", Reply(status=500))

    turn = ragsite.ask("How is the pump started?", idempotency_key="key-1", **MODEL)
    again = ragsite.ask("How is the pump started?", idempotency_key="key-1", **MODEL)
    answer = ragsite.stream("How long?", conversation=turn.conversation)
    text = "".join(answer)
    with pytest.raises(RagsiteError) as failed:
        list(ragsite.stream("How is the pump stopped?", **MODEL))
    ragsite.vote(turn.id, -1, reasons=["INCOMPLETE"], comment="Hm.")

    assert turn == again
    assert (turn.answer, [hit.document_title for hit in turn.cited]) == ("Press the green button [1].", ["Pump manual"])
    assert text.strip() == answer.turn.answer == "For three seconds [1]."
    assert failed.value.code == "server_error"
    rows = list(ragsite.rows("turns/", limit=2, fields="id,vote"))
    assert rows == [
        {"id": failed.value.turn, "vote": None},
        {"id": answer.turn.id, "vote": None},
        {"id": turn.id, "vote": -1},
    ]
    assert ragsite.search("wheel", mode="text")[0].document_title == "Valve manual"
    with pytest.raises(RagsiteError) as refused:
        ragsite.ask("")
    assert (refused.value.status, refused.value.errors[0]["field"]) == (400, "question")


def test_client_says_that_the_site_was_not_reached():
    with pytest.raises(RagsiteError, match="was not reached") as failed:
        Ragsite("http://127.0.0.1:1", token="x").ask("How is the pump started?")

    assert (failed.value.status, failed.value.code, failed.value.turn) == (0, "connection", None)

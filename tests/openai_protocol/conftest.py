"""What tests of OpenAI's protocol share: the site under an address, a scripted model behind it, the official client."""

import pytest

from tests.api_server import api_server
from tests.fakes import FakeLLM
from tests.openai_protocol.site import client_of, scripted_site


@pytest.fixture(scope="module")
def url(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), api_server() as url:
        yield url


@pytest.fixture(scope="module")
def server():
    with FakeLLM() as server:
        yield server


@pytest.fixture
def llm(settings, server):
    """The scripted model, which the site asks."""
    with scripted_site(settings, server) as llm:
        yield llm


@pytest.fixture
def client(url, alice, llm):
    """The official client, with a token of alice's."""
    with client_of(url, alice) as client:
        yield client

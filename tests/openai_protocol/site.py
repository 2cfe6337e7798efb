"""What tests of OpenAI's protocol share: a scripted model behind the site, and the official client for a user."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
from django.core.cache import cache

from chat.models import PipelineConfig
from chat.models.api import Scope
from chat.rag.config import Provider
from chat.services.configs import default_config
from tests.api_clients import secret_of
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

QUESTION = "How is the pump started?"
GREEN = "Press the green button [1]."


@contextmanager
def scripted_site(settings: Any, llm: FakeLLM) -> Iterator[FakeLLM]:
    """Let the scripted server be the model of the default config, and fill a collection "manuals"."""
    llm.reset()
    llm.script = None
    settings.PROVIDERS = {"fake": Provider("fake", llm.base_url)}
    settings.LLM_MAX_ATTEMPTS = 1
    cache.clear()  # of the lists of models
    make_knowledge()
    PipelineConfig.objects.update(model="fake/default")
    default_config.forget()
    yield llm


def client_of(url: str, user: Any, scopes: tuple[str, ...] = tuple(Scope.values), **options: Any) -> openai.OpenAI:
    """Return the official client with a token of the user's; it does not try again by itself."""
    return openai.OpenAI(base_url=f"{url}/v1", api_key=secret_of(user, scopes), **{"max_retries": 0, **options})


def say(*texts: str) -> list[dict[str, str]]:
    """Return messages of user and assistant in turn."""
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def ask(client: Any, *texts: str, model: str = "ragsite", **options: Any) -> Any:
    """Ask the last of the texts, which alternate."""
    return client.chat.completions.create(model=model, messages=say(*texts), **options)

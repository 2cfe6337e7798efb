"""Pipeline configs, embedders and models: what may answer, and what answers by default."""

import asyncio
import logging
import re
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.module_loading import import_string

from chat.database import take_turns
from chat.exceptions import ConfigurationError
from chat.models import Conversation, PipelineConfig
from chat.rag.config import Reranker, SearchMode
from chat.rag.embed import LOCAL_NAME
from chat.rag.llm import list_models
from chat.rag.minilm import find_model_dir
from chat.rag.offline import OFFLINE_MODEL
from chat.services.knowledge import register_embedder
from chat.services.remembered import Remembered

logger = logging.getLogger(__name__)

MODELS_CACHE_SECONDS = 60
# Locks: the versions of a name are given one after the other, and the default goes from one config to the next.
VERSIONS_LOCK, DEFAULT_LOCK = 7351, 7352
# A server lists all its models alike; these cannot answer in a chat.
NOT_FOR_CHAT = re.compile(
    r"embed|rerank|whisper|transcribe|\btts\b|audio|realtime|dall-e|image|sora|moderation", re.IGNORECASE
)
# "NAME_v2", "NAME:2" and "NAME v2" all name version 2; a name has neither colon nor space in it.
VERSIONED = re.compile(r"(?P<name>[-\w]+?)(?:_v|:v?| v?)(?P<version>[1-9]\d{0,8})")


@Remembered
def default_config() -> PipelineConfig | None:
    """Return the config that answers where nothing else is chosen, if there is one."""
    return PipelineConfig.objects.default()


def ensure_default_config() -> PipelineConfig:
    """Return the default config; on a fresh database make it, with the local embedder and RAGSITE_DEFAULT_MODEL (or the
    offline answerer)."""
    if config := PipelineConfig.objects.default():
        return config
    model = settings.DEFAULT_MODEL or OFFLINE_MODEL
    check_model_name(model)
    embedder = register_embedder(name=LOCAL_NAME)
    with transaction.atomic():
        config, _ = PipelineConfig.objects.get_or_create(
            name="default", version=1, defaults={"embedder": embedder, "model": model, "is_default": True}
        )
    return config


def pick_config(*, user: Any, conversation: Conversation) -> PipelineConfig:
    """Return the config that answers here: the conversation's own, what CONFIG_PICKER assigns, or the default."""
    if conversation.config_id:
        return PipelineConfig.objects.select_related("embedder").get(pk=conversation.config_id)
    if settings.CONFIG_PICKER:
        try:
            picked: PipelineConfig | None = import_string(settings.CONFIG_PICKER)(user, conversation)
        except Exception:  # an experiment must never stop an answer
            logger.exception("config picker failed", extra={"conversation_id": str(conversation.pk)})
        else:
            if picked:
                return picked
    return default_config() or ensure_default_config()


def find_config(name: str) -> PipelineConfig:
    """Return the config that people mean by `name`: its newest version, or the one that "NAME_v2", "NAME:2" or
    "NAME v2" names.

    The three search modes are always there: where no config has that name, the default config with that mode becomes
    version 1 of it. Raises ConfigurationError, which names the configs there are.
    """
    name = name.strip()
    configs = PipelineConfig.objects.own().select_related("embedder")
    if config := configs.filter(name=name).order_by("-version").first():
        return config
    versioned = VERSIONED.fullmatch(name)
    base, version = (versioned["name"], int(versioned["version"])) if versioned else (name, 1)
    if config := configs.filter(name=base, version=version).first() if versioned else None:
        return config
    if base in list(SearchMode) and version == 1 and not configs.filter(name=base).exists():
        return _config_of_mode(SearchMode(base))
    known = ", ".join(f"{config.name}_v{config.version}" for config in configs) or "none yet"
    raise ConfigurationError(
        f'There is no pipeline config "{name}". There are: {known}. '
        f"{', '.join(SearchMode)} are made when they are first asked for."
    )


def _config_of_mode(mode: SearchMode) -> PipelineConfig:
    """Make the default config with another search mode, under the mode's name."""
    config = ensure_default_config()
    values = {field.attname: getattr(config, field.attname) for field in PipelineConfig._meta.concrete_fields}
    for field in ("id", "name", "version", "created_at", "fixed_at", "import_source", "is_offered"):
        del values[field]
    values |= {
        "search_mode": mode.value,
        "is_default": False,
        "description": f"{config} with {mode.value} search, made to be evaluated.",
    }
    made, _ = PipelineConfig.objects.select_related("embedder").get_or_create(
        name=mode.value, version=1, defaults=values
    )
    return made


def copy_as_new(*, config: PipelineConfig) -> PipelineConfig:
    """Make the next version of a config with the same settings, to be changed before it answers."""
    with transaction.atomic():
        version = _next_version(config.name)
        config = PipelineConfig.objects.get(pk=config.pk)
        config.pk = None
        config._state.adding = True
        config.version = version
        config.is_default = config.is_offered = False
        config.fixed_at = None
        config.import_source = ""
        config.save()
    return config


def _next_version(name: str) -> int:
    """Return the version that the next config of a name has; others wait for the caller's transaction to end."""
    take_turns(VERSIONS_LOCK, name)
    newest: int | None = PipelineConfig.objects.filter(name=name).aggregate(newest=Max("version"))["newest"]
    return (newest or 0) + 1


def fix_config(*, config_id: int) -> None:
    """Let nothing of a config change from now on, as if it had answered."""
    PipelineConfig.objects.filter(pk=config_id, fixed_at__isnull=True).update(fixed_at=timezone.now())


def offer_config(*, config: PipelineConfig, is_offered: bool) -> None:
    """Let everybody ask a config by its name over the OpenAI-compatible API, or no longer. Also of one that is fixed,
    as it changes no answer. Raises ConfigurationError for one of another system."""
    if is_offered and config.import_source:
        raise ConfigurationError(f"{config} is how {config.import_source} answered; it cannot answer here.")
    config.is_offered = is_offered
    config.save(update_fields=["is_offered"])


def save_variant(*, config: PipelineConfig, name: str, description: str, **changes: Any) -> PipelineConfig:
    """Make a config like `config` but for `changes`, as the next version of `name`. Raises ConfigurationError for
    values that no config may have."""
    values = {field.attname: getattr(config, field.attname) for field in PipelineConfig._meta.concrete_fields}
    for field in ("id", "version", "created_at", "fixed_at", "import_source", "is_offered"):
        del values[field]
    values |= {"name": name, "description": description[:300], "is_default": False, **changes}
    with transaction.atomic():
        variant = PipelineConfig(**values, version=_next_version(name))
        try:
            variant.full_clean()
        except ValidationError as error:
            raise ConfigurationError(f'The config "{name}" cannot be saved: {"; ".join(error.messages)}') from error
        variant.save()
    return variant


def make_default(*, config: PipelineConfig) -> None:
    """Let this config answer from now on. Raises ConfigurationError for one of another system."""
    if config.import_source:
        raise ConfigurationError(
            f"{config} is how {config.import_source} answered; it cannot answer here. Copy it, and set up the copy."
        )
    with transaction.atomic():
        take_turns(DEFAULT_LOCK)
        PipelineConfig.objects.filter(is_default=True).exclude(pk=config.pk).update(is_default=False)
        PipelineConfig.objects.filter(pk=config.pk).update(is_default=True)
    config.is_default = True
    default_config.forget()


def check_model_name(model: str) -> None:
    """Raise ConfigurationError unless `model` is "provider/model" of a provider that is set up here."""
    provider, separator, name = model.partition("/")
    known = sorted(["offline", *settings.PROVIDERS])
    if not separator or not name:
        raise ConfigurationError(f'"{model}" is not of the form provider/model, for example {OFFLINE_MODEL}.')
    if provider == "offline" and model != OFFLINE_MODEL:
        raise ConfigurationError(f'"{model}" does not exist; the offline answerer is {OFFLINE_MODEL}.')
    if provider not in known:
        raise ConfigurationError(f'No model server "{provider}" is set up here; known: {", ".join(known)}.')


def stage_problems(*, model: str, query_count: int, rerank: str, rerank_model: str) -> dict[str, str]:
    """Return what is wrong with a config's stages, by field, in words; empty where all can work."""
    problems = {}
    if query_count > 1 and model == OFFLINE_MODEL:
        problems["query_count"] = (
            f"Further phrasings are written by a language model, and {OFFLINE_MODEL} is none: "
            "choose another model, or search 1 phrasing."
        )
    if rerank == Reranker.LLM and (rerank_model or model) == OFFLINE_MODEL:
        problems["rerank"] = (
            f"This re-ranking needs a language model, and {OFFLINE_MODEL} is none: "
            "name one that re-ranks, choose another model, or none for re-ranking."
        )
    if rerank == Reranker.LOCAL:
        try:
            find_model_dir()
        except ConfigurationError as exc:
            problems["rerank"] = str(exc)
    return problems


@Remembered
def available_models() -> list[str]:
    """Return the names of all models that can answer: the offline one, then each server's, as the servers list them,
    but for those whose names say that they embed, draw, speak or moderate.

    Kept for a minute, for all processes; a server that does not answer is left out and logged.
    """
    names: list[str] | None = cache.get("models")
    if names is None:
        names = [OFFLINE_MODEL, *asyncio.run(_listed())] if settings.PROVIDERS else [OFFLINE_MODEL]
        default = PipelineConfig.objects.default()
        if default and default.model not in names:
            names.insert(1, default.model)
        cache.set("models", names, MODELS_CACHE_SECONDS)
    return names


async def _listed() -> list[str]:
    lists = await asyncio.gather(*(list_models(provider) for provider in settings.PROVIDERS.values()))
    return [name for names in lists for name in names if not NOT_FOR_CHAT.search(name)]

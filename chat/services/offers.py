"""What answers for programs, by name, as a model: the default config, pipeline configs, and models themselves.

"ragsite" is always there: the config that answers people, the default one or what an experiment assigns. "NAME" and
"NAME:2" are pipeline configs, for who may see those, and for everybody where an administrator offers them.
"ragsite/provider/model" is the default config with another model, where users may choose one for themselves.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from chat.models import PipelineConfig
from chat.models.pipeline import PipelineConfigQuerySet
from chat.services.configs import available_models, default_config, ensure_default_config

DEFAULT_NAME = "ragsite"
VERSIONED = re.compile(r"(?P<name>[-\w]+):(?P<version>[1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that answers. `config` None: the default one, or what an experiment assigns; `model` empty: its own."""

    name: str
    created_at: datetime
    config: PipelineConfig | None = None
    model: str = ""


def offers_to(user: Any) -> list[Offer]:
    """Return all that a user may ask, the default first. Two queries, and now and then one to each model server."""
    began_at = _default().created_at
    offers = [Offer(DEFAULT_NAME, began_at)]
    names: set[str] = set()
    for config in _configs_for(user).order_by("name", "-version"):
        if config.name not in names | {DEFAULT_NAME}:
            names.add(config.name)
            offers.append(Offer(config.name, config.created_at, config))
        offers.append(Offer(name_of(config), config.created_at, config))
    return [*offers, *(Offer(f"{DEFAULT_NAME}/{name}", began_at, model=name) for name in _models())]


def find_offer(user: Any, name: str) -> Offer | None:
    """Return what a user means by a name; None where there is no such thing, or it is not for this user."""
    if name == DEFAULT_NAME:
        return Offer(name, _default().created_at)
    if name.startswith(f"{DEFAULT_NAME}/"):
        model = name.removeprefix(f"{DEFAULT_NAME}/")
        return Offer(name, _default().created_at, model=model) if model in _models() else None
    configs = _configs_for(user)
    if versioned := VERSIONED.fullmatch(name):
        configs = configs.filter(name=versioned["name"], version=int(versioned["version"]))
    else:
        configs = configs.filter(name=name)
    config = configs.order_by("-version").first()
    return Offer(name, config.created_at, config) if config else None


def name_of(config: PipelineConfig) -> str:
    """Return the name of exactly this version."""
    return f"{config.name}:{config.version}"


def _default() -> PipelineConfig:
    return default_config() or ensure_default_config()


def _configs_for(user: Any) -> PipelineConfigQuerySet:
    configs = PipelineConfig.objects.own()
    return configs if user.has_perm("chat.view_pipelineconfig") else configs.filter(is_offered=True)


def _models() -> list[str]:
    return available_models() if "model" in settings.USER_CHOICES else []

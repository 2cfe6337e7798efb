"""Changing a pipeline config that nothing relies on yet. One that has answered, or that an experiment counts on, is
copied instead (chat/services/configs.py)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from chat.exceptions import ConfigurationError
from chat.models import PipelineConfig
from chat.rag.prompt import prompt_names
from chat.services.configs import check_model_name, default_config, stage_problems

MODEL_FIELDS = ("model", "fallback_model", "rerank_model")


class ConfigFixedError(ConfigurationError):
    """A config has answered, so nothing of it changes any more."""

    code = "config_fixed"


class ConfigValuesError(ConfigurationError):
    """Values that no config may have. `problems`: what is wrong, by field."""

    code = "invalid"

    def __init__(self, problems: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, texts in problems.items() for text in texts))
        self.problems = problems


def change_config(*, config_id: int, **changes: Any) -> PipelineConfig:
    """Change some fields of a config. Raises ConfigFixedError for one that is relied on, ConfigValuesError for values
    that cannot work."""
    with transaction.atomic():
        # The lock makes a question that picks this config right now wait until the change is there.
        config = PipelineConfig.objects.select_for_update().get(pk=config_id)
        if config.fixed_at is not None or config.turns.exists():
            raise ConfigFixedError(f"{config} has answered, or an experiment needs it: copy it, and change the copy.")
        for name, value in changes.items():
            setattr(config, name, value)
        if problems := config_problems(config):
            raise ConfigValuesError(problems)
        config.save(update_fields=list(changes))
    if config.is_default:
        default_config.forget()
    return config


def config_problems(config: PipelineConfig) -> dict[str, list[str]]:
    """Return what is wrong with a config's values, by field, in words; empty where all can work."""
    problems: dict[str, list[str]] = {}
    try:
        config.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        problems |= error.message_dict
    for name in MODEL_FIELDS:
        try:
            if model := getattr(config, name):
                check_model_name(model)
        except ConfigurationError as error:
            problems.setdefault(name, []).append(str(error))
    if config.prompt not in prompt_names():
        known = ", ".join(prompt_names())
        problems.setdefault("prompt", []).append(f'There is no prompt "{config.prompt}"; there are: {known}.')
    if not problems:
        stages = ("model", "query_count", "rerank", "rerank_model")
        found = stage_problems(**{name: getattr(config, name) for name in stages})
        problems |= {name: [text] for name, text in found.items()}
    return problems

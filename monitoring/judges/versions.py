"""Which version of a judge judges: the row that its verdicts name, made when it first judges so."""

import hashlib
import json
from typing import Any

from chat.exceptions import ConfigurationError
from monitoring.judges.base import Judge
from monitoring.judges.prompt import prompt_sha256
from monitoring.judges.registry import JUDGES
from monitoring.models import JudgeVersion


def find_judge(name: str) -> Judge:
    """Return a judge by name. Raises ConfigurationError that lists those that there are."""
    if name not in JUDGES:
        raise ConfigurationError(f'There is no judge "{name}". There are: {", ".join(JUDGES)}.')
    return JUDGES[name]


def current_version(judge: Judge, model: str) -> JudgeVersion:
    """Return the version of a judge as its code, prompt and settings are now. `model`: "provider/model", "" offline."""
    states = _states(judge, model)
    version, _ = JudgeVersion.objects.get_or_create(fingerprint=_fingerprint(states), defaults=states)
    return version


def is_proven(judge: Judge, model: str) -> bool:
    """Whether this judge, exactly as it judges now, was held against people and agrees with them."""
    proven = JudgeVersion.objects.filter(standing=JudgeVersion.Standing.PROVEN)
    return proven.filter(fingerprint=_fingerprint(_states(judge, model))).exists()


def version_name(judge: Judge, model: str) -> str:
    """Return what the current version of a judge is called, without making its row."""
    states = _states(judge, model)
    return str(JudgeVersion(fingerprint=_fingerprint(states), **states))


def _fingerprint(states: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(states, sort_keys=True).encode()).hexdigest()


def _states(judge: Judge, model: str) -> dict[str, Any]:
    return {
        "judge": judge.name,
        "criterion": judge.criterion.name,
        "version": judge.version,
        "family": judge.family,
        "model": model if judge.family == "llm" else "",
        "prompt_name": judge.prompt,
        "prompt_sha256": prompt_sha256(judge.prompt) if judge.prompt else "",
        "settings": dict(judge.settings),
    }

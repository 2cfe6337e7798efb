"""Is a version of a judge what judges today? It is stale when model, prompt, settings or code have changed since.

What judges today is what the active rules ask for. Figures of a stale version stay right for the verdicts that it gave;
they say nothing of those that are given now.
"""

from collections import defaultdict
from collections.abc import Mapping

from monitoring.judges.base import Judge
from monitoring.judges.prompt import prompt_sha256
from monitoring.judges.registry import JUDGES
from monitoring.models import JudgeRule, JudgeVersion


def models_in_use() -> dict[str, set[str]]:
    """Return the models that active rules judge with, by judge; "" where none is needed. One query."""
    models: dict[str, set[str]] = defaultdict(set)
    for judge, model in JudgeRule.objects.filter(is_active=True).values_list("judge", "model"):
        models[judge].add(model)
    return models


def stale_reason(version: JudgeVersion, models: Mapping[str, set[str]], *, judges: Mapping[str, Judge] = JUDGES) -> str:
    """Return what has changed since, in words; empty where the version is as its judge is. `models`: those in use."""
    judge = judges.get(version.judge)
    if judge is None:
        return "This judge does not exist any more."
    changed = [what for what, is_changed in _changes(version, judge).items() if is_changed]
    wanted = models.get(version.judge, set())
    if judge.family == "llm" and wanted and version.model not in wanted:
        changed.append("model")
    if not changed:
        return ""
    words = changed[0] if len(changed) == 1 else f"{', '.join(changed[:-1])} and {changed[-1]}"
    return f"The judge's {words} changed since."


def _changes(version: JudgeVersion, judge: Judge) -> dict[str, bool]:
    """Return which parts of a judge are others than those of a version."""
    prompt = prompt_sha256(judge.prompt) if judge.prompt else ""
    is_llm = judge.family == "llm"
    code = (version.version, version.family, version.criterion) != (judge.version, judge.family, judge.criterion.name)
    is_new_prompt = (version.prompt_name, version.prompt_sha256) != (judge.prompt, prompt)
    return {
        # a prompt's name has the version in it
        "code": code and not (is_llm and is_new_prompt),
        "prompt": is_new_prompt,
        "settings": version.settings != dict(judge.settings),
    }

"""What is wrong with an experiment before it starts, in words, by field."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from chat.exceptions import ConfigurationError
from chat.models import PipelineConfig
from chat.models.conversation import Origin
from chat.services.configs import check_model_name
from monitoring.experiments.kpis import KPIS
from monitoring.models import Experiment
from monitoring.models.experiments import BUCKETS

ORIGINS = (Origin.USER, Origin.API, Origin.SYNTHETIC)


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant as it is asked for; `share` of 10,000."""

    name: str
    config: PipelineConfig
    share: int
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class GuardrailDraft:
    """A guardrail as it is asked for; `margin` in the KPI's own unit."""

    kpi: str
    margin: float = 0.0


def draft_problems(
    experiment: Experiment, variants: Sequence[VariantDraft], guardrails: Sequence[GuardrailDraft] = ()
) -> dict[str, str]:
    """Return what is wrong, by field of the experiment, or "variants" and "guardrails"; empty where it can start."""
    problems: dict[str, str] = {}
    try:
        experiment.full_clean(exclude=["created_by", "winner", "justified_by"], validate_constraints=False)
    except ValidationError as error:
        problems = {field: " ".join(messages) for field, messages in error.message_dict.items()}
    if experiment.origin not in ORIGINS:
        problems["origin"] = "Experiments are on questions of users, of the API, or synthetic ones."
    if experiment.primary_kpi not in KPIS:
        problems["primary_kpi"] = _unknown_kpi(experiment.primary_kpi)
    for field, problem in (
        ("variants", _variants_problem(experiment, variants)),
        ("guardrails", _guardrails_problem(experiment, guardrails)),
    ):
        if problem:
            problems[field] = problem
    return problems


def _variants_problem(experiment: Experiment, variants: Sequence[VariantDraft]) -> str:
    names = Counter(variant.name.strip().casefold() for variant in variants)
    controls = sum(variant.is_control for variant in variants)
    total = sum(variant.share for variant in variants)
    if len(variants) < 2:
        return "An experiment compares: give it two variants or more."
    if "" in names:
        return "Each variant needs a name."
    if twice := [name for name, count in names.items() if count > 1]:
        return f'Two variants are called "{twice[0]}"; give each a name of its own.'
    if controls != 1:
        return f"One variant is the control, which the others are compared with; {controls} are marked."
    if any(variant.share < 1 for variant in variants):
        return "Each variant needs a share of at least 1 of 10,000."
    if total != BUCKETS:
        return f"The shares add up to {total:,}; they must add up to {BUCKETS:,}."
    return _configs_problem(experiment, variants)


def _configs_problem(experiment: Experiment, variants: Sequence[VariantDraft]) -> str:
    for config in (variant.config for variant in variants):
        if config.import_source:
            return f"{config} is how {config.import_source} answered: it cannot answer here."
    configs = Counter(variant.config.pk for variant in variants)
    if experiment.is_aa and len(configs) > 1:
        return "In an A/A experiment all variants have the same config."
    if not experiment.is_aa and len(configs) < len(variants):
        return "Two variants have the same config, so they cannot differ. For a test of the method, tick A/A."
    for variant in variants:
        for model in filter(None, (variant.config.model, variant.config.fallback_model, variant.config.rerank_model)):
            try:
                check_model_name(model)
            except ConfigurationError as error:
                return f'Variant "{variant.name}" could not answer: {error}'
    return ""


def _guardrails_problem(experiment: Experiment, guardrails: Sequence[GuardrailDraft]) -> str:
    kpis = Counter(guardrail.kpi for guardrail in guardrails)
    if unknown := kpis.keys() - KPIS.keys():
        return _unknown_kpi(min(unknown))
    if twice := [kpi for kpi, count in kpis.items() if count > 1]:
        return f'"{twice[0]}" is a guardrail twice.'
    if experiment.primary_kpi in kpis:
        return f'"{experiment.primary_kpi}" is the primary KPI, which decides by itself; it needs no guardrail.'
    if any(guardrail.margin < 0 for guardrail in guardrails):
        return "A margin says how much worse is still all right; it is 0 or more."
    if experiment.stops_on_guardrail and not guardrails:
        return "It is to stop when a guardrail is broken, but has none."
    return ""


def _unknown_kpi(name: str) -> str:
    return f'There is no KPI "{name}"; there are: {", ".join(KPIS)}.'

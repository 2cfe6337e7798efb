"""Experiments for tests, made and started as people do it."""

from collections.abc import Sequence
from typing import Any

from chat.models import PipelineConfig
from monitoring.experiments.drafts import GuardrailDraft, VariantDraft
from monitoring.experiments.lifecycle import save_draft, start
from monitoring.models import Experiment, Variant
from tests.factories import make_config


def make_draft(
    *,
    configs: Sequence[PipelineConfig] = (),
    shares: Sequence[int] = (5000, 5000),
    guardrails: Sequence[GuardrailDraft] = (),
    collections: Sequence[Any] = (),
    groups: Sequence[Any] = (),
    by: Any = None,
    **overrides: Any,
) -> Experiment:
    """Return a draft; its first variant is the control "A", the next ones are "B" and so on."""
    configs = configs or [make_config() for _ in shares]
    values = {
        "name": f"Experiment {Experiment.objects.count() + 1}",
        "hypothesis": "B answers better.",
        "primary_kpi": "up_ratio",
        "smallest_effect": 0.05,
        **overrides,
    }
    return save_draft(
        experiment=Experiment(**values),
        variants=variants_of(configs, shares),
        guardrails=guardrails,
        collections=collections,
        groups=groups,
        by=by,
    )


def make_experiment(**values: Any) -> Experiment:
    """Return an experiment that runs."""
    experiment = make_draft(**values)
    start(experiment=experiment)
    return experiment


def variants_of(configs: Sequence[PipelineConfig], shares: Sequence[int] = (5000, 5000)) -> list[VariantDraft]:
    return [
        VariantDraft("ABCDEF"[place], config, share, is_control=place == 0)
        for place, (config, share) in enumerate(zip(configs, shares, strict=True))
    ]


def variant(experiment: Experiment, name: str) -> Variant:
    return experiment.variants.select_related("config").get(name=name)

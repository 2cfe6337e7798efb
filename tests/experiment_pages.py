"""What tests of the experiments' pages in the admin share: addresses, what forms send, an experiment that was won."""

from django.test import Client
from django.urls import reverse

from chat.models import PipelineConfig
from monitoring.models import Experiment
from tests.experiment_traffic import Unit, make_started, meet
from tests.factories import make_config

LIST = "admin:monitoring_experiment_changelist"
ADD = "admin:monitoring_experiment_add"
LIKED, DISLIKED = Unit(up=1), Unit(down=1)


def page_of(name: str, experiment: Experiment) -> str:
    """Return the address of one of an experiment's pages."""
    return reverse(f"admin:monitoring_experiment_{name}", args=[experiment.pk])


def html_of(client: Client, address: str, **query: str) -> str:
    return client.get(address, query).content.decode()


def liked(share: float, units: int = 60) -> list[Unit]:
    """Return users of whom a share voted up and the others down."""
    return [LIKED] * round(share * units) + [DISLIKED] * round((1 - share) * units)


def make_won(**values) -> Experiment:
    """Return a running experiment in which B surely is liked more."""
    experiment = make_started(**values)
    meet(experiment, "A", liked(0.3))
    meet(experiment, "B", liked(0.9))
    return experiment


def form_of(**changes) -> dict[str, object]:
    """Return what the form of a valid experiment sends."""
    configs = [PipelineConfig.objects.filter(name=name).first() or make_config(name=name) for name in ("old", "new")]
    rows = {
        f"variants-{place}-{field}": value
        for place, config in enumerate(configs)
        for field, value in (("name", "AB"[place]), ("config", config.pk), ("share", "50"))
    }
    return {
        "name": "Larger model",
        "hypothesis": "It answers better.",
        "unit": "USER",
        "traffic": "50",
        "primary_kpi": "up_ratio",
        "smallest_effect": "3",
        "alpha": "5",
        "power": "80",
        "minimum_days": "7",
        "minimum_units": "100",
        "variants-TOTAL_FORMS": 2,
        "variants-INITIAL_FORMS": 0,
        "guardrails-TOTAL_FORMS": 1,
        "guardrails-INITIAL_FORMS": 0,
        "guardrails-0-kpi": "error_ratio",
        "guardrails-0-margin": "1",
        **rows,
        **changes,
    }

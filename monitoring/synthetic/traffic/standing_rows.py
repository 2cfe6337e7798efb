"""The rows that a world stands on: users nobody can sign in by, configs and judge versions of its own."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib.auth import get_user_model

from chat.models import PipelineConfig
from chat.models.people import MADE_UP_PREFIX
from chat.services.configs import ensure_default_config
from monitoring.models import JudgeVersion
from monitoring.synthetic.traffic.profiles import CONFIGS, JUDGES, MODELS, JudgeProfile

REVIEWER = f"{MADE_UP_PREFIX}reviewer"
# Versions of judges, as they are named, that only ever judged made-up traffic.
JUDGE_VERSION = "synthetic-1"
CONFIG_NAMES = tuple(sorted({config.name for config in CONFIGS}))


@dataclass(frozen=True, slots=True)
class Standing:
    """Their ids, in the order of the names, CONFIGS and JUDGES."""

    user_ids: tuple[int, ...]
    reviewer_id: int
    config_ids: tuple[int, ...]
    version_ids: tuple[int, ...]
    search_mode: str


def ensure_rows(names: Sequence[str]) -> Standing:
    """Make what is missing of users, configs and judge versions, and return their ids."""
    users = get_user_model()._default_manager
    wanted = [*names, REVIEWER]
    there = set(users.filter(username__in=wanted).values_list("username", flat=True))
    users.bulk_create(
        (get_user_model()(username=name, password="!", is_active=False) for name in wanted if name not in there),  # noqa: S106 # "!": no password fits
        ignore_conflicts=True,
        batch_size=500,
    )
    ids = dict(users.filter(username__in=wanted).values_list("username", "pk"))
    configs = _configs()
    return Standing(
        user_ids=tuple(ids[name] for name in names),
        reviewer_id=ids[REVIEWER],
        config_ids=tuple(config.pk for config in configs),
        version_ids=tuple(_judge_version(judge).pk for judge in JUDGES),
        search_mode=configs[0].search_mode,
    )


def _configs() -> list[PipelineConfig]:
    default = PipelineConfig.objects.default() or ensure_default_config()
    return [
        PipelineConfig.objects.get_or_create(
            name=profile.name,
            version=profile.version,
            defaults={
                "description": profile.description,
                "search_mode": default.search_mode,
                "embedder": default.embedder,
                "model": MODELS[0].name,
            },
        )[0]
        for profile in CONFIGS
    ]


def _judge_version(judge: JudgeProfile) -> JudgeVersion:
    states: dict[str, Any] = asdict(judge)
    fingerprint = hashlib.sha256(f"{JUDGE_VERSION} {sorted(states.items())}".encode()).hexdigest()
    version, _ = JudgeVersion.objects.get_or_create(
        fingerprint=fingerprint,
        defaults={
            "judge": judge.judge,
            "criterion": judge.criterion,
            "version": JUDGE_VERSION,
            "family": judge.family,
            "model": judge.model,
            "settings": {"sensitivity": judge.sensitivity, "specificity": judge.specificity, "rate": judge.rate},
        },
    )
    return version

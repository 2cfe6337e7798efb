"""Who gets which variant: a function of hashes, so that every process says the same of a user today and next month, and
nothing is read or written for it.

Two hashes, each into 10,000 buckets. The first one is of the user with a salt that never changes: its bucket lies in
the range of one running experiment or of none, so that nobody is in two at once. The second one, with the
experiment's own salt, chooses the variant: users of one experiment are shuffled anew for the next one in the same
range, so that what one did to them does not gather in a variant of the other. Where conversations are divided, the
range is still the user's and only the variant is the conversation's; otherwise a user of one experiment would meet
another one in the next conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from chat.models import PipelineConfig
from chat.models.conversation import Origin
from monitoring.models.experiments import BUCKETS, Experiment

TRAFFIC_SALT = "traffic"
# Looked up once: members of enumerations take longer to reach than a hash takes.
_USERS = Experiment.Unit.USER.value
_OF_PEOPLE = frozenset((Origin.USER.value, Origin.API.value))


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant: it has the buckets from the end of the one before it to below `end`."""

    variant_id: int
    config: PipelineConfig
    end: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What assignment needs of an experiment. `collection_ids` empty: all; `user_ids` None: everybody."""

    experiment_id: int
    unit: str
    origin: str
    salt: str
    first_bucket: int
    traffic: int
    started_at: datetime
    arms: tuple[Arm, ...]
    collection_ids: frozenset[int] = frozenset()
    user_ids: frozenset[int] | None = None

    def takes(self, bucket: int) -> bool:
        """Whether a bucket of all traffic is this experiment's."""
        return self.first_bucket <= bucket < self.first_bucket + self.traffic


@dataclass(frozen=True, slots=True)
class Assigned:
    """The variant of a question. `unit_key`: what was hashed, as exposures keep it."""

    experiment_id: int
    variant_id: int
    config: PipelineConfig
    unit_key: str
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All that runs at one time, and the variants that users are pinned to, by the user's id."""

    experiments: tuple[Planned, ...] = ()
    pins: Mapping[int, Assigned] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.experiments and not self.pins


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and where. `user_id` None: not a person who signed in; `collection_id` None: all are searched."""

    user_id: int | None
    conversation_id: UUID
    origin: str
    collection_id: int | None = None


def bucket_of(salt: str, key: str) -> int:
    """Return the bucket of a key, 0 to 9,999; other salts shuffle anew."""
    digest = blake2b(f"{salt}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % BUCKETS


def arm_of(arms: Sequence[Arm], salt: str, key: str) -> Arm:
    """Return the arm of a key among those of an experiment with this salt; the ends of the arms grow to 10,000."""
    bucket = bucket_of(salt, key)
    for arm in arms:
        if bucket < arm.end:
            return arm
    raise ValueError(f"The shares end at {arms[-1].end if arms else 0}; they must add up to {BUCKETS}.")


def assign(plan: Plan, asker: Asker) -> Assigned | None:
    """Return the variant that answers here, or None where no experiment takes the question.

    A pin comes first, for questions that a person asks. No experiment takes questions of another origin than its own.
    """
    if asker.user_id is not None and asker.user_id in plan.pins and asker.origin in _OF_PEOPLE:
        return plan.pins[asker.user_id]
    traffic_key = str(asker.conversation_id if asker.user_id is None else asker.user_id)
    bucket = bucket_of(TRAFFIC_SALT, traffic_key) if plan.experiments else 0
    for experiment in plan.experiments:
        if experiment.takes(bucket) and _applies(experiment, asker):
            key = _unit_key(experiment, asker)
            arm = arm_of(experiment.arms, experiment.salt, key)
            return Assigned(experiment.experiment_id, arm.variant_id, arm.config, key)
    return None


def _applies(experiment: Planned, asker: Asker) -> bool:
    if experiment.origin != asker.origin:
        return False
    if asker.user_id is None and experiment.unit == _USERS:
        return False
    if experiment.collection_ids and asker.collection_id not in experiment.collection_ids:
        return False
    return experiment.user_ids is None or asker.user_id in experiment.user_ids


def _unit_key(experiment: Planned, asker: Asker) -> str:
    return str(asker.user_id if experiment.unit == _USERS else asker.conversation_id)

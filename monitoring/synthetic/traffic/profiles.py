"""What is planted whatever the seed: how models, configs and judges behave. Medians and sigmas are those of lognormal
durations; every probability is of one turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Family = Literal["offline", "llm"]


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """How fast a model is and how often it fails; what it costs is what the price lists say."""

    name: str  # "provider/model"
    wait_median: float  # seconds to its first token
    wait_sigma: float
    token_median: float  # seconds for each further token
    token_sigma: float
    failure: float
    share: float  # of the users who chose it themselves; the first is what the configs name


@dataclass(frozen=True, slots=True)
class ConfigProfile:
    """A pipeline config as traffic sees it. `ungrounded`: answers with a sentence that no hit supports."""

    name: str
    version: int
    description: str
    ungrounded: float
    thumbs_up: float  # of the votes on a good answer; the challenger's, without the effect that a world plants
    more_failures: float = 0.0


@dataclass(frozen=True, slots=True)
class JudgeProfile:
    """A judge with a stated error. `sensitivity`: share of the failing turns that it calls failing; `specificity`:
    share of the others that it leaves alone. `rate`: share of the turns that it looks at."""

    judge: str
    criterion: str
    family: Family
    model: str
    rate: float
    sensitivity: float
    specificity: float
    unscored: float  # verdicts that fail, of all


MODELS = (
    ModelProfile("openai/gpt-4o-mini", 0.55, 0.35, 0.011, 0.25, 0.008, 0.82),
    ModelProfile("openai/gpt-4.1", 0.95, 0.40, 0.020, 0.25, 0.012, 0.10),
    # a server of one's own: nobody knows what a token costs
    ModelProfile("campus/llama-3.1-8b", 0.30, 0.50, 0.034, 0.30, 0.025, 0.08),
)

CONTROL, CHALLENGER, BROKEN = range(3)
CONFIGS = (
    ConfigProfile("synthetic-assistant", 1, "Made-up traffic: what is in use (control).", 0.05, 0.86),
    ConfigProfile("synthetic-challenger", 1, "Made-up traffic: what is tried (challenger).", 0.05, 0.86),
    ConfigProfile(
        "synthetic-assistant", 2, "Made-up traffic: a deployment that goes wrong.", 0.70, 0.86, more_failures=0.06
    ),
)
CHALLENGER_SPLIT = 0.5
EFFECT = 0.07  # on the challenger's thumbs up, unless a world plants another one
EFFECT_MIN, EFFECT_MAX = -0.8, 0.13

JUDGES = (
    JudgeProfile("groundedness_offline", "groundedness", "offline", "", 1.0, 0.88, 0.96, 0.01),
    JudgeProfile("relevance", "relevance", "llm", "openai/gpt-4o-mini", 0.2, 0.84, 0.97, 0.02),
    JudgeProfile("question_toxicity_offline", "question_toxicity", "offline", "", 0.3, 0.95, 0.998, 0.0),
)
# Labels of a verdict that passes, and of those that fail, one of which is drawn; with their values.
LABELS: Mapping[str, tuple[tuple[str, float], tuple[tuple[str, float], ...]]] = {
    "groundedness": (("SUPPORTED", 1.0), (("PARTLY_SUPPORTED", 0.5), ("UNSUPPORTED", 0.0))),
    "relevance": (("RELEVANT", 1.0), (("NON_RELEVANT", 0.0),)),
    "question_toxicity": (("NOT_TOXIC", 1.0), (("TOXIC", 0.0),)),
}

IRRELEVANT = 0.04  # answers to another question, where all they say is in the hits
IRRELEVANT_IF_UNGROUNDED = 0.12
UNANSWERABLE = 0.03  # questions that the documents do not answer
EMPTY_IF_UNANSWERABLE = 0.5  # of these: no hit at all; the others have hits that are too far away
REFUSED = 0.02  # answers of a model that says it does not know
TOXIC_QUESTION = 0.002
STOPPED, INTERRUPTED = 0.01, 0.001
REMOVED_CITATION = 0.01
REGENERATED, COPIED, OPENED_SOURCE = 0.02, 0.07, 0.05
VOTE_FACTOR_IF_BAD = 2.0  # who is annoyed votes more
THUMBS_UP_IF_BAD, THUMBS_UP_IF_REFUSED = 0.25, 0.35
COMMENT_IF_DOWN = 0.3
REVIEWED = 0.01  # answers that a person labels, without error
WEAK_TOPIC_FACTOR = 5.0  # how much oftener answers to one topic are wrong: the one to be found

ERROR_CODES = (("timeout", 0.4), ("rate_limited", 0.3), ("server_error", 0.2), ("connection", 0.1))

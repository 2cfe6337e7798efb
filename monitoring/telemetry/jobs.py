"""What the telemetry thread is told of: ids of what is stored, and the calls that an answer or a verdict took. Calls
are told of because their texts are not stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chat.rag.config import LLMCall


@dataclass(frozen=True, slots=True)
class FinishedTurn:
    """A turn ended, in whatever way. `calls`: what this process remembers of its calls, in the order of their rows."""

    turn_id: int
    calls: Sequence[LLMCall] = ()


@dataclass(frozen=True, slots=True)
class RecordedCalls:
    """Calls that were made beside an answer."""

    call_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class WrittenScores:
    """Scores of any source; `calls`: by a score's id, those of the model that judged."""

    score_ids: Sequence[int]
    calls: Mapping[int, Sequence[LLMCall]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GivenFeedback:
    """A user's vote; `value` None: it was taken back."""

    turn_id: int
    user_id: int
    value: int | None


Job = FinishedTurn | RecordedCalls | WrittenScores | GivenFeedback

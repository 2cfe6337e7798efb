"""What a reviewer says of a conversation: labels, corrected answers, a note. Plain data, checked before it is kept."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from monitoring.exceptions import ReviewError
from monitoring.judges.criteria import CRITERIA, Criterion

TURN_CRITERIA: tuple[Criterion, ...] = tuple(
    criterion for criterion in CRITERIA.values() if criterion.for_reviewers and criterion.subject == "turn"
)
CONVERSATION_CRITERIA: tuple[Criterion, ...] = tuple(
    criterion for criterion in CRITERIA.values() if criterion.for_reviewers and criterion.subject == "conversation"
)
CORRECTION_MAX_CHARS = 20_000
NOTE_MAX_CHARS = 5_000


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was filled in. Labels by turn and criterion, those of the conversation by criterion; what was left open is
    not there."""

    turns: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    conversation: Mapping[str, str] = field(default_factory=dict)
    corrections: Mapping[int, str] = field(default_factory=dict)
    note: str = ""

    @property
    def label_count(self) -> int:
        return sum(map(len, self.turns.values())) + len(self.conversation)

    @property
    def is_empty(self) -> bool:
        return not (self.label_count or self.corrections or self.note)


def check_verdicts(verdicts: Verdicts, turn_ids: Collection[int]) -> None:
    """Raise ReviewError for what cannot be stored: a turn of another conversation, a label that is none, too much."""
    for turn_id in {*verdicts.turns, *verdicts.corrections}:
        if turn_id not in turn_ids:
            raise ReviewError(f"Turn {turn_id} is not one of this conversation. Load the page again.")
    for labels in verdicts.turns.values():
        _check_labels(labels, TURN_CRITERIA)
    _check_labels(verdicts.conversation, CONVERSATION_CRITERIA)
    for text in verdicts.corrections.values():
        if len(text) > CORRECTION_MAX_CHARS:
            raise ReviewError(
                f"A corrected answer has {len(text):,} characters; at most {CORRECTION_MAX_CHARS:,} are possible."
            )
    if len(verdicts.note) > NOTE_MAX_CHARS:
        raise ReviewError(f"The note has {len(verdicts.note):,} characters; at most {NOTE_MAX_CHARS:,} are possible.")


def _check_labels(labels: Mapping[str, str], criteria: tuple[Criterion, ...]) -> None:
    known = {criterion.name: criterion for criterion in criteria}
    for name, label in labels.items():
        if name not in known:
            raise ReviewError(f'Nobody asks for "{name}" here; there are: {", ".join(known)}.')
        if label not in known[name].labels:
            raise ReviewError(f'"{label}" is no label of {name}; there are: {", ".join(known[name].labels)}.')

"""The review form: what its fields are called, and what a reviewer filled in, also where it cannot be stored, so that
bad input comes back as it was typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import QueryDict

from monitoring.reviewing.verdict import CONVERSATION_CRITERIA, TURN_CRITERIA, Verdicts

CONVERSATION = "all"  # in the place of a turn's id


def label_field(turn_id: int | None, criterion: str) -> str:
    """Return the name of a field for a label; without a turn: of the conversation."""
    return f"label-{turn_id or CONVERSATION}-{criterion}"


@dataclass(frozen=True, slots=True)
class Filled:
    """What was typed and chosen, as text."""

    data: Mapping[str, str] = field(default_factory=dict)
    hits: Mapping[int, frozenset[int]] = field(default_factory=dict)  # ids of those that hold the answer, by turn

    @classmethod
    def of(cls, post: QueryDict) -> "Filled":
        """Return what a form has sent."""
        hits = {
            int(name[5:]): frozenset(int(value) for value in post.getlist(name) if value.isdecimal())
            for name in post
            if name.startswith("hits-") and name[5:].isdecimal()
        }
        return cls({name: str(value).replace("\0", "") for name, value in post.items()}, hits)

    def label(self, turn_id: int | None, criterion: str) -> str:
        return self.data.get(label_field(turn_id, criterion), "")

    def labels(self, turn_id: int) -> dict[str, str]:
        """Return the labels that were chosen for a turn."""
        chosen = {criterion.name: self.label(turn_id, criterion.name) for criterion in TURN_CRITERIA}
        return {name: label for name, label in chosen.items() if label}

    def correction(self, turn_id: int) -> str:
        return self.data.get(f"correction-{turn_id}", "").strip()

    def is_unanswerable(self, turn_id: int) -> bool:
        return bool(self.data.get(f"unanswerable-{turn_id}"))

    @property
    def note(self) -> str:
        return self.data.get("note", "").strip()

    @property
    def seen_flags(self) -> list[int]:
        """The flags that were on the page."""
        return [int(number) for number in self.data.get("flags", "").split(",") if number.isdecimal()]

    @property
    def seen_round(self) -> int | None:
        number = self.data.get("round", "")
        return int(number) if number.isdecimal() else None

    def verdicts(self) -> Verdicts:
        """Return what was filled in; nothing is checked yet."""
        turn_ids = {
            int(parts[1])
            for name in self.data
            if (parts := name.split("-"))[0] in ("label", "correction") and len(parts) > 1 and parts[1].isdecimal()
        }
        conversation = {criterion.name: self.label(None, criterion.name) for criterion in CONVERSATION_CRITERIA}
        return Verdicts(
            turns={pk: labels for pk in sorted(turn_ids) if (labels := self.labels(pk))},
            conversation={name: label for name, label in conversation.items() if label},
            corrections={pk: text for pk in sorted(turn_ids) if (text := self.correction(pk))},
            note=self.note,
        )

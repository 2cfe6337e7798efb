"""What a piece of work came to."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Verdicts of one slice of work. `has_more`: more was due when the time was over."""

    valued: int = 0
    unscored: int = 0
    lost: int = 0  # the claim was another's by then
    has_more: bool = False

    def __str__(self) -> str:
        return f"{self.valued} judged, {self.unscored} without a value" + (", more is due" if self.has_more else "")

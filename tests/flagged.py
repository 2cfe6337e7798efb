"""The flags of a turn."""

from chat.models import Turn


def flags_of(turn: Turn) -> list[tuple[str, bool]]:
    return sorted(turn.flags.values_list("reason", "is_advisory"))

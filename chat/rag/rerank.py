"""Re-ranking: the first hits of a search in a better order. Pure: the model's call is made by retrieve.py.

Listwise, as in Sun et al., "Is ChatGPT Good at Search? Investigating Large Language Models as Re-Ranking Agents",
EMNLP 2023: the model sees all passages at once and writes their numbers from best to worst.
"""

from collections.abc import Mapping

from chat.rag.replies import read_numbers

# What the model is asked to write, as JSON schema.
RANKING_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"ranking": {"type": "array", "items": {"type": "integer"}}},
    "required": ["ranking"],
    "additionalProperties": False,
}


def read_ranking(reply: str, *, count: int) -> list[int] | None:
    """Return the ranks, 1 to `count`, that a model's reply lists, best first; it may leave some out, also all.

    None where the reply has no list, or one of other numbers only.
    """
    numbers = read_numbers(reply)
    if numbers is None:
        return None
    ranks = [number for number in dict.fromkeys(numbers) if 1 <= number <= count]
    return ranks if ranks or not numbers else None

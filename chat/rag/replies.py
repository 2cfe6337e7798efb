"""Read what a model was asked to write as JSON: a list of numbers, or of texts. Pure.

Servers that know schemas write exactly that. Others put it into a code block, into a sentence, or write a list without
JSON. All of these are read; what is none of them is None, never a guess.
"""

import json
import re
from collections.abc import Iterator

from chat.storable import storable

_CHAIN = re.compile(r"\[?\d{1,4}\]?(?:\s*>\s*\[?\d{1,4}\]?)+")  # [3] > [1] > [2]
_NUMBERS = re.compile(r"\d{1,4}(?:(?:\s*[,;]\s*|\s+)\d{1,4})*\.?")  # 3, 1, 2
JSON_TRIES_MAX = 50  # brackets that a reply has before its list; each costs reading the rest
_JSON_BEGIN = re.compile(r"[\[{]")
_BULLET = re.compile(r"\s*(?:[-*\u2022]|\(?\d{1,2}[.):])\s+(?P<text>\S.*)")
_QUOTES = "\"'`\u201c\u201d\u201e\u00ab\u00bb "


def read_numbers(reply: str) -> list[int] | None:
    """Return the numbers of a list, as in {"ranking": [3, 1]}, [3, 1], "3, 1" or "[3] > [1]"; None where there is no
    list. An empty list in JSON is one."""
    if chain := _CHAIN.search(reply):
        return [int(number) for number in re.findall(r"\d+", chain[0])]
    for values in _json_lists(reply):
        texts = [str(value).strip("[] ") for value in values]
        if all(text.isdecimal() for text in texts):
            return [int(text) for text in texts]
    # Without JSON: the whole reply, or a line of two numbers and more.
    lines = [line.strip() for line in reply.splitlines() if len(re.findall(r"\d+", line)) > 1]
    plain = next((text for text in (reply.strip(), *lines) if _NUMBERS.fullmatch(text)), None)
    return [int(number) for number in re.findall(r"\d+", plain)] if plain else None


def read_texts(reply: str) -> list[str] | None:
    """Return the texts of a list, as in {"queries": ["...", "..."]}, or of lines that begin with a bullet or a number;
    None where there is no list."""
    for values in _json_lists(reply):
        texts = [" ".join(storable(value).split()) for value in values if isinstance(value, str)]
        if len(texts) == len(values):
            return texts
    texts = [match["text"].strip(_QUOTES) for line in reply.splitlines() if (match := _BULLET.fullmatch(line))]
    return texts or None


def _json_lists(reply: str) -> Iterator[list[object]]:
    """Yield the lists that stand in the reply as JSON, alone or as a value of an object."""
    decoder = json.JSONDecoder()
    at = 0
    for _ in range(JSON_TRIES_MAX):
        if (match := _JSON_BEGIN.search(reply, at)) is None:
            return
        try:
            value, at = decoder.raw_decode(reply, match.start())
        except (ValueError, RecursionError):
            at = match.end()
            continue
        values = list(value.values()) if isinstance(value, dict) else [value]
        yield from (value for value in values if isinstance(value, list))

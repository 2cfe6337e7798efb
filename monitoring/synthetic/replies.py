"""Questions out of what a model answered. It was asked for a JSON list; what comes is a list, an object whose values
are the questions, an object that holds the list, JSON in a code fence, JSON that was cut off, or a numbered list. All
of these are read rightly, and a key such as "question1" is never taken for a question."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chat.storable import storable

_QUESTION_KEYS = ("question", "q", "query", "text", "title", "prompt")
_ANSWER_KEYS = ("answer", "expected_answer", "a", "response", "reference")
_PASSAGE_KEYS = ("passage", "passages", "source", "sources", "number", "passage_number", "id")
_VERDICT_KEYS = ("answerable", "is_answerable", "answered", "verdict", "result")
_NUMBERED_KEY = re.compile(r"(?:question|q|item|query)?[\s_#-]*\d*", re.I)
_NUMBERED_LINE = re.compile(r"^\s*(?:\d+[.)]|[-*\u2022])\s+(?P<text>.+?)\s*$", re.M)
_FENCE = re.compile(r"```(?:json|jsonl)?\s*\n(.*?)(?:```|\Z)", re.S | re.I)


@dataclass(frozen=True, slots=True)
class Reply:
    """One question as the model gave it; `passages` are the numbers that it says hold the answer."""

    question: str
    answer: str = ""
    passages: tuple[int, ...] = ()


def read_questions(text: str) -> list[Reply]:
    """Return the questions of an answer, each once, in order; none where it has none."""
    found = [reply for value in _values(text) for reply in _replies(value)]
    if not found:
        found = [Reply(_clean(match["text"])) for match in _NUMBERED_LINE.finditer(text) if match["text"].endswith("?")]
    each: dict[str, Reply] = {}
    for reply in found:
        each.setdefault(reply.question, reply)
    return [reply for question, reply in each.items() if question]


def read_verdicts(text: str, count: int) -> list[bool] | None:
    """Return whether each of `count` questions can be answered; None where the answer does not say so of each."""
    flat: list[bool | None] = [verdict for value in _values(text) for verdict in _verdicts(value)]
    verdicts = [verdict for verdict in flat if verdict is not None]
    return verdicts if len(verdicts) == count else None


def _values(text: str) -> Iterator[Any]:
    """Yield the JSON values of a text: the outermost ones, and of one that was cut off the whole ones inside."""
    text = "\n".join(fenced) if (fenced := _FENCE.findall(text)) else text
    decoder = json.JSONDecoder(strict=False)
    at = 0
    while (start := _next_bracket(text, at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            at = start + 1
            continue
        yield value


def _next_bracket(text: str, at: int) -> int:
    places = [place for place in (text.find("[", at), text.find("{", at)) if place >= 0]
    return min(places, default=-1)


def _replies(value: Any) -> Iterator[Reply]:
    if isinstance(value, str):
        yield Reply(_clean(value))
    elif isinstance(value, list):
        for part in value:
            yield from _replies(part)
    elif isinstance(value, dict):
        yield from _replies_of_object({str(key).strip().casefold(): part for key, part in value.items()}, value)


def _replies_of_object(lowered: dict[str, Any], original: dict[str, Any]) -> Iterator[Reply]:
    key = next((key for key in _QUESTION_KEYS if isinstance(lowered.get(key), str)), None)
    if key is not None:
        answer = next((lowered[name] for name in _ANSWER_KEYS if isinstance(lowered.get(name), str)), "")
        passages = next((lowered[name] for name in _PASSAGE_KEYS if lowered.get(name) is not None), None)
        yield Reply(_clean(lowered[key]), storable(answer).strip(), tuple(_numbers(passages)))
        return
    for name, part in original.items():
        plain = name.strip().casefold()
        if isinstance(part, list | dict):
            yield from _replies(part)
        elif not isinstance(part, str):
            continue
        elif name.strip().endswith("?"):  # the question is the key, its answer the value
            yield Reply(_clean(name), storable(part).strip())
        elif _NUMBERED_KEY.fullmatch(plain):
            answer = next((lowered[key] for key in _answer_keys(plain) if isinstance(lowered.get(key), str)), "")
            yield Reply(_clean(part), storable(answer).strip())


def _answer_keys(question_key: str) -> list[str]:
    """Return the keys that hold the answer beside "question1"."""
    number = re.sub(r"\D", "", question_key)
    return [f"{name}{between}{number}" for name in ("answer", "a") for between in ("", "_", " ")] if number else []


def _numbers(value: Any) -> Iterator[int]:
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, int) and not isinstance(part, bool):
            yield part
        elif isinstance(part, str):
            yield from (int(number) for number in re.findall(r"\d{1,6}", part))


def _verdicts(value: Any) -> Iterator[bool | None]:
    if isinstance(value, bool):
        yield value
    elif isinstance(value, str):
        yield {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().casefold())
    elif isinstance(value, list):
        for part in value:
            yield from _verdicts(part)
    elif isinstance(value, dict):
        named = next((value[key] for key in _VERDICT_KEYS if key in value), None)
        for part in [named] if named is not None else value.values():
            if isinstance(part, bool | str | list | dict):
                yield from _verdicts(part)


def _clean(text: str) -> str:
    return " ".join(storable(text).split()).strip("\"'\u201c\u201d ")

"""Read a model's verdict: a JSON object with its reasoning, lists and a label, wherever it stands in what was written.

Models put JSON in fences, prose around it, thoughts before it, line breaks into its strings. All of that is read. What
is not read is a label that does not exist, or two that contradict each other: that is no verdict. A judged answer may
speak to the judge in the same form, and a judge that quotes it has said two things.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

EXPLANATION_MAX_CHARS = 2_000
LIST_MAX = 20
LIST_ITEM_MAX_CHARS = 300

_LABEL = re.compile(
    r"""["'*_]*\b(?:label|verdict)\b["'*_]*\s*[:=][\s"'*_`]*(?P<label>[A-Za-z][\w -]*)""", re.IGNORECASE
)
_REASONING = re.compile(r'"reasoning"\s*:\s*"(?P<text>.*?)"\s*[,}]', re.DOTALL)
# Up to their end, also where the server swallowed their beginning; what never ends is thoughts only.
_THOUGHTS = re.compile(r"\A.*?</think(?:ing)?>|\A<think(?:ing)?>.*", re.DOTALL | re.IGNORECASE)
# What PostgreSQL does not store, and nobody reads.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NOTHING = frozenset({"", "none", "n/a", "nothing", "null", "-", "[]"})


class UnreadableVerdictError(ValueError):
    """The model's text holds no verdict; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ReadVerdict:
    """What a model said. `lists`: what it listed, by name; empty where nothing was asked for or said."""

    label: str
    reasoning: str
    lists: Mapping[str, list[str]] = field(default_factory=dict)


def read_verdict(text: str, labels: Collection[str], lists: Sequence[str] = ()) -> ReadVerdict:
    """Return the verdict of a text. `lists`: names of the lists that were asked for. Raises UnreadableVerdictError."""
    text = _without_thoughts(text.strip())
    found = [fields for fields in _objects(text) if "label" in fields]
    said = [str(value) for fields in found for value in fields["label"]]
    named = {_known(label, labels) for label in said or [match["label"] for match in _LABEL.finditer(text)]}
    if len(named) != 1:
        problem = "several labels that contradict each other" if named else "no label"
        raise UnreadableVerdictError(f"The judge gave {problem}: {_shown(text)}")
    if found:
        fields = {name: values[-1] for name, values in found[-1].items()}
        reasoning = str(fields.get("reasoning") or "")
    else:
        fields, match = {}, _REASONING.search(text)
        reasoning = match["text"] if match else _LABEL.sub("", text).strip()
    (label,) = named
    return ReadVerdict(label, _clean(reasoning)[:EXPLANATION_MAX_CHARS], {name: _list(fields, name) for name in lists})


def _without_thoughts(text: str) -> str:
    """Leave out the thoughts before a verdict; a verdict that comes at once may speak of tags."""
    return text if text.startswith(("{", "```")) else _THOUGHTS.sub("", text)


def _objects(text: str) -> list[dict[str, list[object]]]:
    """Return the JSON objects of a text, outermost ones, with all values of each name; line breaks in strings are
    allowed."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_Pairs)
    objects: list[dict[str, list[object]]] = []
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            fields: dict[str, list[object]] = {}
            for name, content in value:
                fields.setdefault(str(name).strip().casefold(), []).append(content)
            objects.append(fields)
        place = text.find("{", end)
    return objects


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it was written: a name may come twice."""


def _list(fields: Mapping[str, object], name: str) -> list[str]:
    """Return a list of texts as it was meant: a text alone is one of one, an object is its first text."""
    value = fields.get(name)
    items: list[object] = [*value] if isinstance(value, list) and not isinstance(value, _Pairs) else [value]
    texts = []
    for item in items:
        if isinstance(item, _Pairs):
            item = next((content for _, content in item if isinstance(content, str)), "")
        if isinstance(item, str | int) and not isinstance(item, bool):
            texts.append(_clean(str(item)))
    said = [text for text in texts if text.casefold().strip(" .") not in _NOTHING]
    return [text[:LIST_ITEM_MAX_CHARS] for text in said[:LIST_MAX]]


def _known(label: str, labels: Collection[str]) -> str:
    """Return the label as it is spelled here."""
    by_key = {_key(known): known for known in labels}
    if _key(label) not in by_key:
        raise UnreadableVerdictError(f'The judge gave the label "{_shown(label)}", not one of {", ".join(labels)}.')
    return by_key[_key(label)]


def _key(label: str) -> str:
    return re.sub(r"[\s-]+", "_", label.strip(" \t\n\"'`*.")).casefold()


def _clean(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub("", text).split())


def _shown(text: str) -> str:
    return _clean(text)[:80] or "nothing"

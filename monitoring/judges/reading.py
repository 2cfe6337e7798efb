"""Read a model's verdict: a JSON object with its reasoning and a label, wherever it stands in what the model wrote.

Models put JSON in fences, prose around it, line breaks into its strings. All of that is read. What is not read is a
label that does not exist, or two that contradict each other: that is no verdict.
"""

import json
import re
from collections.abc import Collection

_LABEL = re.compile(
    r"""["'*_]*\b(?:label|verdict)\b["'*_]*\s*[:=][\s"'*_`]*(?P<label>[A-Za-z][\w -]*)""", re.IGNORECASE
)
_REASONING = re.compile(r'"reasoning"\s*:\s*"(?P<text>.*?)"\s*[,}]', re.DOTALL)
EXPLANATION_MAX_CHARS = 2_000


class UnreadableVerdictError(ValueError):
    """The model's text holds no verdict; the message says what is wrong with it."""


def read_verdict(text: str, labels: Collection[str]) -> tuple[str, str]:
    """Return label and reasoning. Raises UnreadableVerdictError."""
    found = [fields for fields in _objects(text) if "label" in fields]
    if found:
        label, reasoning = _known(str(found[-1]["label"]), labels), str(found[-1].get("reasoning", ""))
        if len({_known(str(fields["label"]), labels) for fields in found}) > 1:
            raise UnreadableVerdictError("The judge gave several labels that contradict each other.")
    else:
        named = {_known(match["label"], labels) for match in _LABEL.finditer(text)}
        if len(named) != 1:
            problem = "several labels that contradict each other" if named else "no label"
            raise UnreadableVerdictError(f"The judge gave {problem}: {_shown(text)}")
        (label,) = named
        match = _REASONING.search(text)
        reasoning = match["text"] if match else _LABEL.sub("", text).strip()
    return label, " ".join(reasoning.split())[:EXPLANATION_MAX_CHARS]


def _objects(text: str) -> list[dict[str, object]]:
    """Return the JSON objects of a text, outermost ones; line breaks in strings are allowed."""
    decoder, objects, place = json.JSONDecoder(strict=False), [], text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except ValueError:
            end = place + 1
        else:
            objects.append({str(key).strip().casefold(): content for key, content in value.items()})
        place = text.find("{", end)
    return objects


def _known(label: str, labels: Collection[str]) -> str:
    """Return the label as it is spelled here."""
    by_key = {_key(known): known for known in labels}
    if _key(label) not in by_key:
        raise UnreadableVerdictError(f'The judge gave the label "{_shown(label)}", not one of {", ".join(labels)}.')
    return by_key[_key(label)]


def _key(label: str) -> str:
    return re.sub(r"[\s-]+", "_", label.strip(" \t\n\"'`*.")).casefold()


def _shown(text: str) -> str:
    return " ".join(text.split())[:80] or "nothing"

"""Scores in the shapes of Langfuse and Phoenix, both ways. docs/api.md says what becomes what.

In both, a trace or span is a turn and a session is a conversation, by their ids here or by those of the traces that are
sent by OpenTelemetry (monitoring.telemetry.ids). What these shapes have no place for goes along in
their metadata under "ragsite", and is read from there again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from monitoring.exceptions import ScoreError
from monitoring.models import Score
from monitoring.models.judging import JudgeVersion
from monitoring.scoring.writing import ScoreDraft, yes_or_no
from monitoring.telemetry.ids import site_key, turn_id_of_span, turn_id_of_trace

OWN = "ragsite"  # key of metadata
Row = Mapping[str, Any]
# What a score cannot be tied to, or configured by, here: read over, and named in the row's result.
LANGFUSE_IGNORED = ("configId", "environment", "queueId", "datasetRunId")
# As Langfuse says where a score came from, when one reads them.
LANGFUSE_SOURCES = {"EVAL": Score.Annotator.LLM, "ANNOTATION": Score.Annotator.HUMAN}
SPAN, TRACE = re.compile("[0-9a-f]{16}"), re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Read:
    """A row as a score, with the names of what was read over."""

    draft: ScoreDraft
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """How a row is to be known: its own identifier, and the ids of its turn; `span` is empty where a turn's id here is
    both trace and span."""

    identifier: str
    trace: str
    span: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """Reading and writing one system's rows."""

    read: Callable[[Row], Read]
    write: Callable[[Score, Names], dict[str, Any]]


def read_langfuse(row: Row) -> Read:
    """Read the body of Langfuse's POST /api/public/scores. Raises ScoreError."""
    metadata, own = _metadata(row)
    kind = own.get("annotator_kind") or LANGFUSE_SOURCES.get(_text(row, "source")) or Score.Annotator.CODE
    value, label = _langfuse_value(row)
    if not row.get("traceId") and not row.get("sessionId"):
        raise ScoreError("traceId or sessionId is missing: a turn's or a conversation's id of this site.")
    of_trace, of_span = _turn_of_id(str(row.get("traceId") or "")), _turn_of_span(row.get("observationId"))
    draft = ScoreDraft(
        name=_text(row, "name"),
        # The trace of a request may hold several turns: then the span says which.
        turn_id=(of_trace or of_span or _turn_id(row, "traceId")) if row.get("traceId") else None,
        conversation_id=None if row.get("traceId") else _conversation_id(row, "sessionId"),
        value=value,
        label=label or str(own.get("label", "")),
        explanation=_text(row, "comment"),
        identifier=_text(row, "id"),
        annotator_kind=str(kind),
        metadata=metadata,
    )
    ignored = tuple(name for name in LANGFUSE_IGNORED if row.get(name))
    is_read = not row.get("observationId") or of_span == draft.turn_id
    return Read(draft, ignored if is_read else ("observationId", *ignored))


def read_phoenix(row: Row) -> Read:
    """Read one of the annotations in the body of Phoenix's POST /v1/span_annotations, or of session_annotations. Raises
    ScoreError."""
    metadata, _ = _metadata(row)
    result = row.get("result") or {}
    if not isinstance(result, Mapping):
        raise ScoreError("result is an object with label, score or both.")
    if not row.get("span_id") and not row.get("session_id"):
        raise ScoreError("span_id or session_id is missing: a turn's or a conversation's id of this site.")
    draft = ScoreDraft(
        name=_text(row, "name"),
        turn_id=_turn_id(row, "span_id") if row.get("span_id") else None,
        conversation_id=None if row.get("span_id") else _conversation_id(row, "session_id"),
        value=_number(result, "score"),
        label=_text(result, "label"),
        explanation=_text(result, "explanation"),
        identifier=_text(row, "identifier"),
        annotator_kind=_text(row, "annotator_kind") or Score.Annotator.CODE,
        metadata=metadata,
    )
    return Read(draft)


def write_langfuse(score: Score, names: Names) -> dict[str, Any]:
    """Return a score as Langfuse's POST /api/public/scores takes it."""
    kind, value, own = "NUMERIC", score.value, {"annotator_kind": kind_of(score)}
    row: dict[str, Any] = {"id": names.identifier} if names.identifier else {}
    if score.boolean is not None:
        kind = "BOOLEAN"
    elif score.value is None:
        kind = "CATEGORICAL"
    elif score.label:
        own["label"] = score.label
    span = {"observationId": names.span} if names.span else {}
    target = {"sessionId": str(score.conversation_id)} if score.conversation_id else {"traceId": names.trace, **span}
    return {
        **row,
        **target,
        "name": score.name,
        "value": score.label if kind == "CATEGORICAL" else value,
        "dataType": kind,
        "comment": score.explanation or None,
        "metadata": {**metadata_of(score), OWN: own},
    }


def write_phoenix(score: Score, names: Names) -> dict[str, Any]:
    """Return a score as Phoenix's POST /v1/span_annotations (or session_annotations) takes it."""
    span = names.span or names.trace
    target = {"session_id": str(score.conversation_id)} if score.conversation_id else {"span_id": span}
    return {
        **target,
        "name": score.name,
        "annotator_kind": kind_of(score),
        "result": {"label": score.label or None, "score": score.value, "explanation": score.explanation or None},
        "metadata": metadata_of(score),
        "identifier": names.identifier,
    }


SHAPES: Mapping[str, Shape] = {
    "langfuse": Shape(read_langfuse, write_langfuse),
    "phoenix": Shape(read_phoenix, write_phoenix),
}


def kind_of(score: Score) -> str:
    """Return what gave a score: a person, a language model or a program."""
    match score.source:
        case Score.Source.API:
            return score.annotator_kind
        case Score.Source.REVIEWER:
            return Score.Annotator.HUMAN
        case Score.Source.JUDGE if score.judge_version and score.judge_version.family == JudgeVersion.Family.LLM:
            return Score.Annotator.LLM
    return Score.Annotator.CODE


def metadata_of(score: Score) -> dict[str, Any]:
    """Return what its author sent along. Details that an import once took unseen may be no object: they hold none."""
    said = score.details.get("metadata") if isinstance(score.details, dict) else None
    return said if isinstance(said, dict) else {}


def _langfuse_value(row: Row) -> tuple[float | None, str]:
    """Return value and label. Without a dataType, the value's own type decides."""
    value, kind = row.get("value"), _text(row, "dataType").upper()
    if not kind:
        kind = "BOOLEAN" if isinstance(value, bool) else "CATEGORICAL" if isinstance(value, str) else "NUMERIC"
    if kind == "NUMERIC":
        return _number(row, "value"), ""
    if kind == "BOOLEAN":
        if value not in (0, 1):
            raise ScoreError(f"The value {value!r} is neither 0 nor 1, as BOOLEAN wants it.")
        return yes_or_no(value == 1)
    if kind == "CATEGORICAL":
        # What is read from there has the category in stringValue, and a number beside it.
        return None, _text(row, "stringValue") or _text(row, "value")
    raise ScoreError(f'The dataType "{kind}" has no place here; there are NUMERIC, CATEGORICAL and BOOLEAN.')


def _metadata(row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a row's metadata without what is this site's own, and that."""
    metadata = row.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        return {"metadata": metadata}, {}
    own = metadata.get(OWN)
    return {key: value for key, value in metadata.items() if key != OWN}, own if isinstance(own, dict) else {}


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ScoreError(f"{name} is {value!r}, which is no text.")
    return value.strip()


def _number(row: Row, name: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScoreError(f"{name} is {value!r}, which is no number.")
    try:
        return float(value)
    except OverflowError:
        raise ScoreError(f"{name} is too large a number.") from None


def _turn_id(row: Row, name: str) -> int:
    text = str(row.get(name, ""))
    number = _turn_of_id(text)
    if number is None:
        raise ScoreError(
            f"{name} is {text[:60]!r}; it is the number of a turn of this site, or the id of the span"
            " `invoke_workflow ragsite` that was sent of it."
        )
    return number


def _turn_of_id(text: str) -> int | None:
    """Return which turn an id names: its number here, its span or its own trace."""
    if SPAN.fullmatch(text):
        return turn_id_of_span(int(text, 16), site_key())
    if TRACE.fullmatch(text):
        return turn_id_of_trace(int(text, 16), site_key())
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _turn_of_span(value: Any) -> int | None:
    return _turn_of_id(value) if isinstance(value, str) and SPAN.fullmatch(value) else None


def _conversation_id(row: Row, name: str) -> UUID:
    try:
        return UUID(_text(row, name))
    except ValueError:
        raise ScoreError(
            f"{name} is {str(row.get(name))[:60]!r}; it is the id of a conversation of this site."
        ) from None

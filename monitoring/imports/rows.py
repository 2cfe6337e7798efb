"""Records as rows of the tables: a turn with its hits, calls, votes, signals, scores and flags. Unknown words are empty
texts here, as the tables want them."""

from collections.abc import Mapping, Sequence
from typing import Any

from chat.services.conversations import title_for
from monitoring.exports.shape import CONVERSATION, TURN, Field, Kind
from monitoring.imports.references import References

Record = Mapping[str, Any]
Row = dict[str, Any]

_TURN_OWN = [
    name
    for name, one in TURN.items()
    if one.kind not in (Kind.ONE, Kind.MANY) and name not in ("schema", "id", "replaces", "collection")
]


def conversation_row(record: Record, references: References, *, origin: str) -> Row:
    """Return the conversation that a turn is the first of here."""
    named = record["conversation"]
    return _worded(named, CONVERSATION, ["search_mode", "model"]) | {
        "id": named["id"],
        "title": named["title"] or title_for(record["question"] or ""),
        "user_id": references.user(record["user"]),
        "origin": origin,
        "collection_id": references.collection(named["collection"]),
        "import_source": named["import_source"] or references.source,
        "created_at": named["created_at"] or record["created_at"],
        "updated_at": named["updated_at"] or record["created_at"],
        "deleted_at": named["deleted_at"],
    }


def turn_row(record: Record, references: References, *, pk: int, origin: str, replaces_id: int | None) -> Row:
    """Return the row of a turn; its position stands in the record."""
    return _worded(record, TURN, _TURN_OWN) | {
        "id": pk,
        "conversation_id": record["conversation"]["id"],
        "is_current": record["is_current"] is not False,
        "replaces_id": replaces_id,
        "origin": origin,
        "config_id": references.config(record["config"]),
        "collection_id": references.collection(record["collection"]),
        "heartbeat_at": record["finished_at"],
        "import_key": record["id"],
    }


def hit_rows(record: Record, turn_id: int, documents: Mapping[tuple[str, str], int]) -> list[Row]:
    """Return what was found, with its document where that is here; which chunk it was is not known any more."""
    return [
        {
            "turn_id": turn_id,
            "document_id": documents.get((hit["document_collection"], hit["document"])),
            "document_title": hit["title"] or "",
            "heading_path": hit["heading_path"] or "",
            "text": hit["text"] or "",
            "is_cited": bool(hit["is_cited"]),
            **{
                name: hit[name]
                for name in ("rank", "search_rank", "score", "text_rank", "text_score", "vector_rank", "similarity")
            },
        }
        for hit in record["hits"]
    ]


def call_rows(record: Record, turn_id: int) -> list[Row]:
    """Return the calls of models that made the answer, and of those that judged it."""
    fields = TURN["calls"].fields or {}
    return [
        _worded(call, fields, list(fields))
        | {
            "turn_id": turn_id,
            "tokens_estimated": bool(call["tokens_estimated"]),
            "attempts": call["attempts"] or 1,
            "is_imported": True,
            "created_at": call["created_at"] or record["created_at"],
        }
        for call in (*record["calls"], *record["judge_calls"])
    ]


def feedback_rows(record: Record, turn_id: int, references: References) -> list[Row]:
    """Return the votes."""
    return [
        {
            "turn_id": turn_id,
            "user_id": references.user(vote["user"]),
            "value": vote["value"],
            "reasons": vote["reasons"],
            "comment": vote["comment"] or "",
            "created_at": vote["created_at"] or record["created_at"],
            "updated_at": vote["updated_at"] or vote["created_at"] or record["created_at"],
        }
        for vote in record["feedback"]
    ]


def signal_rows(record: Record, turn_id: int, references: References) -> list[Row]:
    """Return what users did with the answer."""
    return [
        {
            "turn_id": turn_id,
            "user_id": references.user(signal["user"]),
            "kind": signal["kind"],
            "created_at": signal["created_at"] or record["created_at"],
        }
        for signal in record["signals"]
    ]


def score_rows(record: Record, turn_id: int, score_ids: Sequence[int], references: References) -> list[Row]:
    """Return the scores under these ids, with the versions of judges that gave them."""
    fields = TURN["scores"].fields or {}
    own = [name for name, one in fields.items() if one.kind is not Kind.ONE and name != "of_conversation"]
    return [
        _worded(score, fields, own)
        | {
            "id": pk,
            "turn_id": turn_id,
            "conversation_id": record["conversation"]["id"] if score["of_conversation"] else None,
            "judge_version_id": references.judge(score["judge"]) if score["judge"] else None,
            "reviewer_id": references.user(score["reviewer"]),
            "author_id": references.user(score["author"]),
            "details": score["details"] or {},
            "attempts": score["attempts"] or 1,
            "calls": score["calls"] or 0,
            "created_at": score["created_at"] or record["created_at"],
            "updated_at": score["updated_at"] or score["created_at"] or record["created_at"],
        }
        for score, pk in zip(record["scores"], score_ids, strict=True)
    ]


def flag_rows(record: Record, turn_id: int, score_ids: Sequence[int]) -> list[Row]:
    """Return why it was flagged; a flag names its verdict by the place among the scores."""
    return [
        {
            "turn_id": turn_id,
            "reason": flag["reason"],
            "detail": flag["detail"] or "",
            "score_id": score_ids[flag["score"] - 1] if flag["score"] and flag["score"] <= len(score_ids) else None,
            "is_advisory": bool(flag["is_advisory"]),
            "weight": flag["weight"] or 1.0,
            "created_at": flag["created_at"] or record["created_at"],
            "settled_at": flag["settled_at"],
        }
        for flag in record["flags"]
    ]


def _worded(record: Record, fields: Mapping[str, Field], names: list[str]) -> Row:
    """Return values by name, an unknown text as an empty one."""
    return {name: "" if record[name] is None and fields[name].kind is Kind.TEXT else record[name] for name in names}

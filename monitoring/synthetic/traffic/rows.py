"""A block as rows: conversations, turns and hits; the other tables are in call_rows.py and opinion_rows.py."""

import os
from collections.abc import Iterator

import numpy as np

from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Ints
from monitoring.synthetic.traffic.call_rows import calls_of
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.exposure_rows import exposures_of
from monitoring.synthetic.traffic.opinion_rows import feedback_of, labels_of, scores_of, signals_of
from monitoring.synthetic.traffic.tables import (
    NULL,
    Table,
    dollars,
    flags,
    numbers,
    picked,
    seconds_or_null,
    stamps,
    table,
)
from monitoring.synthetic.traffic.writing import Writing, ids_at

INSULT = "You useless heap of scrap, are you too stupid for this? "
_SIMILARITY_STEP = 0.06  # from rank to rank


def conversation_ids(block: Block) -> list[str]:
    """Return new ids of a block's conversations, in the order of time, as UUIDs of version 7 are: rows that are
    written together then stand together in the index."""
    begun = np.round(block.asked.created[block.asked.first] * 1000).astype(np.int64).tolist()
    noise = os.urandom(10 * len(begun)).hex()
    made = []
    for place, milliseconds in enumerate(begun):
        tail = noise[20 * place : 20 * place + 20]
        head = f"{milliseconds:012x}"
        made.append(f"{head[:8]}-{head[8:]}-7{tail[:3]}-8{tail[3:6]}-{tail[6:18]}")
    return made


def tables_of(writing: Writing, block: Block, conversations: list[str], ids: Ints, replaced: Ints) -> Iterator[Table]:
    """Yield the rows of a block, those first that others refer to. `conversations`: ids by `session`; `ids`: of the
    turns; `replaced`: of the turn that each takes the place of, 0 for none."""
    yield _conversations(writing, block, conversations)
    yield _turns(writing, block, conversations, ids, replaced)
    yield _hits(writing, block, ids)
    yield calls_of(writing, block, ids)
    yield feedback_of(writing, block, ids)
    yield signals_of(writing, block, ids)
    for place in range(len(block.verdicts)):
        yield scores_of(writing, block, ids, place)
    yield labels_of(writing, block, ids)
    yield from exposures_of(writing, block, ids)


def _conversations(writing: Writing, block: Block, conversations: list[str]) -> Table:
    asked, first = block.asked, block.asked.first
    ends = np.flatnonzero(np.append(asked.session[1:] != asked.session[:-1], True))
    last = ends[np.searchsorted(ends, first)]
    return table(
        "chat_conversation",
        len(first),
        {
            "id": picked(conversations, asked.session[first]),
            "title": picked(writing.titles, asked.item[first]),
            "user_id": ids_at(writing.standing.user_ids, asked.user[first]),
            "origin": "SYNTHETIC",
            "collection_id": writing.world.library.collection_ids[asked.topic[first]].tolist(),
            "search_mode": "",
            "model": "",
            "created_at": stamps(asked.created[first]),
            "updated_at": stamps(asked.created[last]),
        },
    )


def _turns(writing: Writing, block: Block, conversations: list[str], ids: Ints, replaced: Ints) -> Table:
    asked, library = block.asked, writing.world.library
    gone, created = block.outcomes.is_interrupted, stamps(asked.created)
    finished = stamps(block.finished)
    answer_place = np.where(
        block.outcomes.is_refused, len(writing.answers) - 1, block.quality.kind * len(library.items) + asked.item
    )
    questions = _questions(writing, block)
    return table(
        "chat_turn",
        len(block),
        {
            "id": ids.tolist(),
            "conversation_id": picked(conversations, asked.session),
            "position": asked.position.tolist(),
            "is_current": flags(asked.is_current),
            "replaces_id": numbers(replaced, unknown=replaced == 0),
            "question": questions,
            "answer": _answer_texts(writing, block, answer_place),
            "status": _statuses(block),
            "origin": "SYNTHETIC",
            "config_id": ids_at(writing.standing.config_ids, asked.config),
            "collection_id": library.collection_ids[asked.topic].tolist(),
            "search_mode": writing.standing.search_mode,
            "model": picked([model.name for model in profiles.MODELS], asked.model),
            "prompt_name": "answer_v1",
            "prompt_sha256": "",
            "search_query": questions,
            "nothing_found": [
                NULL if unknown else "t" if refused else "f"
                for unknown, refused in zip(
                    (~block.outcomes.is_answer | block.outcomes.is_stopped), block.outcomes.is_refused, strict=True
                )
            ],
            "removed_citations": numbers(block.retrieval.removed_citation.astype(np.int64), unknown=gone),
            "hit_count": numbers(block.retrieval.hit_count, unknown=gone),
            "cited_count": numbers(block.retrieval.cited_count, unknown=gone),
            "top_similarity": seconds_or_null(block.retrieval.top_similarity),
            "degraded": "",
            "error_code": _error_codes(block),
            "error_message": _error_messages(block),
            "rewrite_seconds": seconds_or_null(block.speeds.rewrite),
            "embed_seconds": seconds_or_null(block.speeds.embed),
            "search_seconds": seconds_or_null(block.speeds.search),
            "context_seconds": seconds_or_null(block.speeds.context),
            "first_token_seconds": seconds_or_null(block.speeds.first_token),
            "total_seconds": seconds_or_null(block.speeds.total),
            "cost_usd": dollars(np.where(gone, -1, block.spending.turn_cost)),
            "created_at": created,
            "started_at": created,
            "heartbeat_at": finished,
            "finished_at": finished,
        },
    )


def _questions(writing: Writing, block: Block) -> list[str]:
    questions = picked(writing.questions, block.asked.item)
    for place in np.flatnonzero(block.asked.is_toxic).tolist():
        questions[place] = INSULT + questions[place]
    return questions


def _answer_texts(writing: Writing, block: Block, places: Ints) -> list[str]:
    texts = picked(writing.answers, places)
    for place in np.flatnonzero(~block.outcomes.is_answer).tolist():
        texts[place] = ""
    for place in np.flatnonzero(block.outcomes.is_stopped).tolist():
        # never behind a backslash, which would swallow the tab
        texts[place] = texts[place][: len(texts[place]) // 2].rstrip("\\")
    return texts


def _statuses(block: Block) -> list[str]:
    status = np.where(
        block.outcomes.is_failed,
        1,
        np.where(block.outcomes.is_interrupted, 2, np.where(block.outcomes.is_stopped, 3, 0)),
    )
    return picked(["DONE", "FAILED", "INTERRUPTED", "STOPPED"], status)


def _error_codes(block: Block) -> list[str]:
    return picked(["", *(code for code, _ in profiles.ERROR_CODES), "interrupted"], _error_places(block))


def _error_messages(block: Block) -> list[str]:
    words = [f"Made-up traffic: {code}." for code, _ in profiles.ERROR_CODES]
    return picked(["", *words, "Made-up traffic: the server stopped."], _error_places(block))


def _error_places(block: Block) -> Ints:
    last = len(profiles.ERROR_CODES) + 1
    return np.asarray(
        np.where(block.outcomes.is_failed, 1 + block.outcomes.error, np.where(block.outcomes.is_interrupted, last, 0))
    )


_HIT_COLUMNS = ("chunk_id", "document_id", "document_title", "heading_path", "text")


def _hits(writing: Writing, block: Block, ids: Ints) -> Table:
    def lines() -> Iterator[str]:
        item = block.asked.item
        for rank, texts in enumerate(writing.hits):
            has = (block.retrieval.hit_count > rank) & ~block.outcomes.is_interrupted
            similarity = np.round((block.retrieval.top_similarity[has] - _SIMILARITY_STEP * rank).clip(min=0.0), 4)
            cited = flags(block.retrieval.cited_count[has] > rank)
            number = rank + 1
            pattern = f"%s\t{number}\t%s\t%s\t{number}\t{number}\t%s\t%s\n"
            for row in zip(
                ids[has].tolist(),
                picked(texts, item[has]),
                similarity.tolist(),
                similarity.tolist(),
                cited,
                strict=True,
            ):
                yield pattern % row

    columns = ("turn_id", "rank", *_HIT_COLUMNS, "score", "text_rank", "vector_rank", "similarity", "is_cited")
    return Table("chat_hit", columns, lines())

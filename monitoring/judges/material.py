"""What a judge that is a model gets to see of a turn, as texts for its prompt. Long things are cut, and say so."""

from collections.abc import Sequence

from chat.rag.config import Exchange
from monitoring.judges.base import JudgedTurn
from monitoring.judges.criteria import Subject
from monitoring.judges.prompt import HITS_MAX_CHARS

# Of a turn, earlier exchanges only tell what its question refers to. Of a conversation they are what is judged.
TURN_HISTORY_EXCHANGES = 6
TURN_HISTORY_ANSWER_CHARS = 600
SESSION_ANSWER_CHARS = 2_000
HISTORY_MAX_CHARS = 24_000


def material(turn: JudgedTurn, subject: Subject = "turn") -> dict[str, str]:
    """Return the values of a prompt's places."""
    if subject == "conversation":
        history = _history(turn.history, answer_chars=SESSION_ANSWER_CHARS)
    else:
        history = _history(turn.history[-TURN_HISTORY_EXCHANGES:], answer_chars=TURN_HISTORY_ANSWER_CHARS)
    longest = HITS_MAX_CHARS // max(1, len(turn.hits))
    sources = [f"[{hit.rank}] {hit.title}\n{hit.heading_path}\n\n{_cut(hit.text, longest)}" for hit in turn.hits]
    return {
        "question": turn.question,
        "answer": turn.answer,
        "expected_answer": turn.expected_answer,
        "sources": "\n\n---\n\n".join(sources) or "(nothing was found)",
        "history": history or "(none)",
    }


def _history(exchanges: Sequence[Exchange], *, answer_chars: int) -> str:
    """Return the latest exchanges that fit, oldest first, and how many are left out."""
    texts: list[str] = []
    used = 0
    for exchange in reversed(exchanges):
        text = f"Question: {exchange.question}\nAnswer: {_cut(exchange.answer, answer_chars)}"
        used += len(text)
        if used > HISTORY_MAX_CHARS:
            texts.append(f"({len(exchanges) - len(texts)} earlier questions are left out)")
            break
        texts.append(text)
    return "\n\n".join(reversed(texts))


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars]} …"

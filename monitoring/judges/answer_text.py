"""What of an answer is said, and what is only its form: citations, quote marks, the offline answerer's introduction.

Measures and judges look at what is said. A refusal is an answer that says that it does not know.
"""

import re

from chat.rag.offline import INTRODUCTION

# A longer answer that begins by saying what is missing still answers a part.
REFUSAL_MAX_CHARS = 320

_CITATION = re.compile(r"[ \t]*\[[1-9]\d{0,2}\](?!\()")
_QUOTE = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_SOURCES = (
    r"(?:context|sources?|documents?|documentation|information|database|faq|passages?|texts?|excerpts?|content"
    r"|knowledge base|question)"
)
_NOT = r"(?:(?:do|does|did|is|are|was|were|has|have)(?:n['\u2019]t| not)|cannot|can['\u2019]t)"
_SAYS = (
    r"(?:answer|contain|mention|provide|specify|specified|include|state|address|cover|say|give|describe|explain"
    r"|appear|match|available|found|defined|been|have)"
)
_REFUSALS = re.compile(
    "|".join(
        [
            # I don't know; I cannot answer the question; I am unable to find a direct answer
            r"\bI(?:['\u2019]m| am)? (?:(?:do|did)(?:n['\u2019]t| not)|cannot|can['\u2019]t|could(?:n['\u2019]t| not)"
            r"|unable to|not able to|not sure)\b.{0,40}?"
            r"\b(?:know|answer|find|provide|tell|say|help|confirm|information|sure)\b",
            # the sources do not mention it; the context does not directly address the question
            rf"\b{_SOURCES}\b[^.,;]{{0,40}}?\b{_NOT}\b[^.,;]{{0,20}}?\b{_SAYS}",
            # the answer is not provided in the given context; isn't mentioned in the sources
            rf"\b{_NOT}\b[^.,;]{{0,40}}? (?:in|within|from|by) (?:any of )?(?:the|your) [\w ]{{0,20}}?{_SOURCES}\b",
            # there is no link mentioned in the provided context
            rf"\bno\b.{{0,80}}?\b(?:mention|provided|specified|found|available|information)\w*"
            rf".{{0,20}}? (?:in|within) (?:the|your) [\w ]{{0,20}}?{_SOURCES}\b",
            # German: das weiß ich nicht; die Dokumente enthalten dazu keine Angaben; steht nicht in den Quellen
            r"\bwei(?:ß|ss) ich\b.{0,20}\bnicht\b|\bich wei(?:ß|ss)\b.{0,20}\bnicht\b",
            r"\b(?:quellen?|dokumente?n?|unterlagen|kontext)\b.{0,60}?\b(?:nicht|kein\w*)\b",
            r"\bnicht in de[nrm] (?:quellen?|dokumente?n?|unterlagen|kontext)\b",
        ]
    ),
    re.IGNORECASE | re.DOTALL,
)
_GOES_ON = re.compile(
    r"\b(?:instead|alternatively|however|but (?:you|it|there)|stattdessen|allerdings)\b", re.IGNORECASE
)


def said_text(answer: str) -> str:
    """Return the answer without citations, quote marks and the sentence that says that it quotes."""
    return _CITATION.sub("", cited_text(answer)).strip()


def cited_text(answer: str) -> str:
    """Return what is said with its citations."""
    return _QUOTE.sub("", answer.replace(INTRODUCTION, "").strip()).strip()


def is_refusal(answer: str) -> bool:
    """Return whether the answer only says that it does not know, or that the documents do not say; an empty one too.

    A rule over words of the first sentence: it knows English and some German.
    """
    text = said_text(answer)
    if not text:
        return True
    first, *rest = _SENTENCE_END.split(text, maxsplit=1)
    return (
        len(text) <= REFUSAL_MAX_CHARS
        and _REFUSALS.search(first) is not None
        and not (rest and _GOES_ON.search(rest[0]))
    )

"""What the chat's templates cannot say themselves: an answer as HTML, a snippet, and the numbers of a turn."""

import re
from decimal import Decimal
from typing import Any

from django import template
from django.template.defaultfilters import truncatechars
from django.utils.safestring import SafeString

from chat.models import Feedback, Turn
from chat.models.feedback import Reason
from chat.rendering import answer_html, source_url

register = template.Library()
register.simple_tag(source_url)

SNIPPET_CHARS = 220
# What `Turn.degraded` says, which is written for operators, as people would say it.
PLAIN_WORDS = (
    (re.compile(r"^rewriting failed"), "Your question was searched with words of the one before it."),
    (re.compile(r"could not be embedded"), "Only words were searched, not meaning: something may have been missed."),
    (re.compile(r" failed, .+ answered$"), "Another model than the chosen one answered."),
)
HEADING_LINE = re.compile(r"^\s{0,3}#{1,6}\s.*$", re.MULTILINE)
LINE_MARKS = re.compile(r"^\s*(>|[-*+]|\d+[.)])\s+|^\s*(`{3,}|~{3,}).*$|^[\s|:-]+$", re.MULTILINE)
INLINE_MARKS = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)|!?\[|\]\([^)]*\)|\]")


@register.simple_tag
def answer(turn: Turn) -> SafeString:
    """Render a turn's answer with its citations as links; reads the turn's hits."""
    return answer_html(turn.answer, turn.hits.all(), turn.pk)


@register.filter
def snippet(text: str) -> str:
    """Return the beginning of a text without headings (they stand above it) and Markdown marks."""
    beginning = text[: SNIPPET_CHARS * 3]
    body = HEADING_LINE.sub(" ", beginning)
    plain = INLINE_MARKS.sub("", LINE_MARKS.sub(" ", body if body.strip() else beginning).replace("|", " "))
    return truncatechars(" ".join(plain.split()), SNIPPET_CHARS)


@register.filter
def own_feedback(turn: Turn) -> Feedback | None:
    """Return the reader's vote, where `Turn.objects.for_page(user)` loaded it."""
    return next(iter(getattr(turn, "own_feedback", [])), None)


@register.filter
def plain_words(degraded: str) -> list[str]:
    """Return a sentence for each part of `Turn.degraded`; "The answer may be less good." for an unknown one."""
    sentences = [
        next((words for pattern, words in PLAIN_WORDS if pattern.search(part)), "The answer may be less good.")
        for part in degraded.split("; ")
    ]
    return list(dict.fromkeys(sentences))


@register.simple_tag
def reason_choices() -> list[tuple[str, str]]:
    """Return the reasons that a vote may have, as value and label."""
    return list(Reason.choices)


@register.inclusion_tag("chat/_numbers.html")
def numbers(turn: Turn) -> dict[str, Any]:
    """Show model, tokens, cost and times of a turn to staff; reads the turn's calls."""
    calls = list(turn.calls.all())
    counted = [call for call in calls if call.input_tokens is not None and call.output_tokens is not None]
    return {
        "turn": turn,
        "has_calls": bool(calls),
        "input_tokens": sum(call.input_tokens or 0 for call in counted) if counted else None,
        "output_tokens": sum(call.output_tokens or 0 for call in counted) if counted else None,
        "tokens_estimated": any(call.tokens_estimated for call in counted),
        "cost": dollars(turn.cost_usd),
    }


def dollars(amount: Decimal | None) -> str:
    """Write an amount with two digits that matter; empty when it is unknown."""
    if amount is None:
        return ""
    if not amount:
        return "$0"
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.{2 - amount.adjusted() - 1}f}"


@register.inclusion_tag("chat/_icon.html")
def icon(name: str) -> dict[str, str]:
    """Draw an icon of static/ragsite/icons.svg; it says nothing to screen readers, so give a text beside it."""
    return {"name": name}

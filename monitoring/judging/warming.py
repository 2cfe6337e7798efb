"""Loading what judges without a model need, which takes seconds the first time: by judging one made-up turn."""

import asyncio
import logging
import time

from django.db import connections

from chat.rag.llm import ModelAccess
from chat.services.knowledge import local_embedder
from monitoring.judges.base import JudgedHit, JudgedTurn, JudgeTools
from monitoring.judging.rules import working_rules
from monitoring.models import JudgeRule

logger = logging.getLogger(__name__)

# The answer shares some words with its hit, so that a judge that compares meanings where words leave it open does.
MADE_UP = JudgedTurn(
    question="When does the library open?",
    answer="The library opens its doors at six in the morning [1].",
    hits=(JudgedHit(1, "Opening hours", "Library", "The library building is open from six."),),
    language="english",
)


def warm_up() -> int:
    """Let each active judge without a model speak once; return how many did. Never raises: it only saves time."""
    begin, judged = time.monotonic(), 0
    try:
        active = JudgeRule.objects.filter(is_active=True, model="")
        judges = {working.judge.name: working.judge for working in working_rules(rules=active)}
        tools = JudgeTools(ModelAccess({}), embedder=local_embedder())
        for judge in judges.values():
            if judge.family == "offline" and not judge.needs_reference:
                asyncio.run(judge.judge(MADE_UP, tools, lambda call: None))
                judged += 1
    except Exception:
        logger.exception("warming up failed")
    finally:
        connections.close_all()
    logger.info("warmed up judges=%d seconds=%.2f", judged, time.monotonic() - begin)
    return judged

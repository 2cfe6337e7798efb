"""The spans of a turn: one of its own, and inside it one for each call to a model, for embedding the question, for the
search and for re-ranking.

Only seconds are stored of a stage, not when it began. Stages follow each other, so each begins where the one before
ended; what lies between them is less than a few milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from chat.models import Hit, LLMCall, Turn
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Purpose
from monitoring.telemetry import names, texts
from monitoring.telemetry.calls import known, model_attributes, nanoseconds, send_call, stored_call
from monitoring.telemetry.jobs import FinishedTurn
from monitoring.telemetry.outlet import Outlet, Tracing
from monitoring.telemetry.places import ROOT_NAME, place_of

STAGES = ("rewrite", "expand", "embed", "search", "rerank", "context")
# Their calls are made one after the other; those of the embedder at the same time.
STAGE_OF_PURPOSE = {Purpose.EMBEDDING: "embed", Purpose.RERANK: "rerank", Purpose.ANSWER: "answer"}
ANSWERING = (Purpose.ANSWER, Purpose.REWRITE, Purpose.RERANK, Purpose.EMBEDDING)
ALL_COLLECTIONS = "all"


def send_turn(job: FinishedTurn, outlet: Outlet) -> None:
    """Send a finished turn. Three queries."""
    turns = Turn.objects.select_related("conversation", "config__embedder")
    turn = turns.filter(pk=job.turn_id).first()
    if turn is None:
        return
    calls = [*turn.calls.filter(purpose__in=ANSWERING, origin__isnull=True).order_by("pk")]
    if outlet.instruments:
        outlet.instruments.count_turn(turn, error_type_of(turn))
        for call in calls:
            outlet.instruments.count_call(stored_call(call), turn.origin)
    if outlet.tracing:
        _Trace(turn, calls, outlet.tracing, _remembered(calls, job)).send()


def error_type_of(turn: Turn) -> str:
    """Return why a turn has no answer, "" where it has one or a user stopped it."""
    if turn.status in (Turn.Status.FAILED, Turn.Status.INTERRUPTED):
        return turn.error_code or turn.status.lower()
    return ""


def _remembered(rows: Sequence[LLMCall], job: FinishedTurn) -> Mapping[int, CallData]:
    """Return what is remembered of calls by the ids of their rows."""
    if len(rows) != len(job.calls):
        return {}
    return {row.pk: call for row, call in zip(rows, job.calls, strict=True)}


@dataclass
class _Trace:
    turn: Turn
    calls: list[LLMCall]
    tracing: Tracing
    remembered: Mapping[int, CallData]

    def send(self) -> None:
        turn, place = self.turn, place_of(self.turn)
        begin = turn.started_at or turn.created_at
        self.tracing.ids.use(place)
        root = self.tracing.tracer.start_span(
            ROOT_NAME,
            context=place.around,
            kind=SpanKind.INTERNAL,
            attributes=_turn_attributes(turn),
            start_time=nanoseconds(begin.timestamp()),
        )
        if root.is_recording():
            if settings.TELEMETRY_WITH_TEXT:
                root.set_attributes(texts.of_turn(turn))
            if error_type_of(turn):
                root.set_status(Status(StatusCode.ERROR))
            self._send_parts(set_span_in_context(root, Context()), nanoseconds(begin.timestamp()))
        root.end(nanoseconds((turn.finished_at or begin).timestamp()))

    def _send_parts(self, inside: Context, begin: int) -> None:
        begins, ends = _laid_out(self.turn, begin)
        self._send_embedding(inside, begins, ends)
        self._send_retrieval(inside, begins, ends)
        around = {"rerank": self._send_rerank(inside, begins, ends)}
        free_at = dict(begins)
        about: dict[str, AttributeValue] = {names.CONVERSATION: str(self.turn.conversation_id)}
        with_text = settings.TELEMETRY_WITH_TEXT and self.turn.question  # else the user deleted it
        for row in self.calls:
            stage, made = _stage_of(row), self.remembered.get(row.pk)
            more = texts.of_call(made) if with_text and made else {}
            if stage == "answer" and not made:
                config = self.turn.config
                more = known(
                    {names.REQUEST_TEMPERATURE: config.temperature, names.REQUEST_MAX_TOKENS: config.max_output_tokens}
                )
            free_at[stage] = send_call(
                self.tracing.tracer,
                stored_call(row, made),
                around=around.get(stage, inside),
                start=begins[stage] if stage == "embed" else free_at[stage],
                more={**about, **more},
            )

    def _send_embedding(self, inside: Context, begins: Mapping[str, int], ends: Mapping[str, int]) -> None:
        """Send the span of the local embedder, which is no call; a server's are among the calls."""
        embedder = self.turn.config.embedder
        if "embed" not in ends or any(call.purpose == Purpose.EMBEDDING for call in self.calls):
            return
        model = model_attributes(embedder.name)
        self._span(
            f"{names.EMBEDDINGS} {model[names.REQUEST_MODEL]}",
            inside,
            begins["embed"],
            ends["embed"],
            {names.OPERATION: names.EMBEDDINGS, **model, names.DIMENSIONS: embedder.dimensions},
        )

    def _send_retrieval(self, inside: Context, begins: Mapping[str, int], ends: Mapping[str, int]) -> None:
        if "search" not in ends:
            return
        turn = self.turn
        source = str(turn.collection_id or ALL_COLLECTIONS)
        hits = [*Hit.objects.filter(turn=turn).order_by("rank")]
        attributes = known(
            {
                names.OPERATION: names.RETRIEVAL,
                names.DATA_SOURCE: source,
                names.SEARCH_MODE: turn.search_mode,
                names.TOP_K: turn.config.top_k,
                names.HIT_COUNT: turn.hit_count,
                names.TOP_SIMILARITY: turn.top_similarity,
                names.DOCUMENTS: texts.documents(hits, with_text=settings.TELEMETRY_WITH_TEXT),
                names.QUERY_TEXT: turn.search_query if settings.TELEMETRY_WITH_TEXT else None,
            }
        )
        self._span(f"{names.RETRIEVAL} {source}", inside, begins["search"], ends["search"], attributes)

    def _send_rerank(self, inside: Context, begins: Mapping[str, int], ends: Mapping[str, int]) -> Context:
        """Send the span of re-ranking and return the context inside it, for a model that does it."""
        if "rerank" not in ends:
            return inside
        config = self.turn.config
        attributes = known({names.RERANK_BY: config.rerank, names.RERANK_DEPTH: config.rerank_depth})
        return self._span("rerank", inside, begins["rerank"], ends["rerank"], attributes)

    def _span(
        self, name: str, around: Context, start: int, end: int, attributes: Mapping[str, AttributeValue]
    ) -> Context:
        span = self.tracing.tracer.start_span(
            name,
            context=around,
            kind=SpanKind.INTERNAL,
            attributes={**attributes, names.CONVERSATION: str(self.turn.conversation_id)},
            start_time=start,
        )
        span.end(end)
        return set_span_in_context(span, Context())


def _stage_of(call: LLMCall) -> str:
    """Return the stage that made a call: a rewrite and further phrasings have one purpose and two prompts."""
    if call.purpose == Purpose.REWRITE:
        return "rewrite" if call.prompt_name.startswith("rewrite") else "expand"
    return STAGE_OF_PURPOSE[Purpose(call.purpose)]


def _laid_out(turn: Turn, begin: int) -> tuple[dict[str, int], dict[str, int]]:
    """Return when stages began, and when those ended that there were, in nanoseconds; "answer" begins after them."""
    begins, ends = {}, {}
    for stage in STAGES:
        begins[stage] = begin
        seconds = getattr(turn, f"{stage}_seconds")
        if seconds is not None:
            begin = ends[stage] = begin + nanoseconds(seconds)
    begins["answer"] = begin
    return begins, ends


def _turn_attributes(turn: Turn) -> dict[str, AttributeValue]:
    return known(
        {
            names.OPERATION: names.INVOKE_WORKFLOW,
            names.WORKFLOW_NAME: names.WORKFLOW,
            names.CONVERSATION: str(turn.conversation_id),
            names.TURN_ID: turn.pk,
            names.TURN_POSITION: turn.position,
            names.TURN_STATUS: turn.status,
            names.ORIGIN: turn.origin,
            names.CONFIG_NAME: turn.config.name,
            names.CONFIG_VERSION: turn.config.version,
            names.COLLECTION_ID: turn.collection_id,
            names.SEARCH_MODE: turn.search_mode,
            names.NOTHING_FOUND: turn.nothing_found,
            names.HIT_COUNT: turn.hit_count,
            names.CITED_COUNT: turn.cited_count,
            names.DEGRADED: turn.degraded,
            names.FIRST_TOKEN_SECONDS: turn.first_token_seconds,
            names.COST_USD: None if turn.cost_usd is None else float(turn.cost_usd),
            names.ERROR_TYPE: error_type_of(turn),
        }
    )

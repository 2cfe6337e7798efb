"""The shapes of OpenAI's protocol as JSON schemas, for the OpenAPI file (docs/openapi-v1.yaml): what is read of a
request, what makes a reply, and what only this site knows, under `ragsite`."""

from typing import Any

from chat.openai_api.replies import EXCERPT_CHARS

Shape = dict[str, Any]
QUESTION = "How do I start the pump?"
EMBEDDED_TEXTS_MAX = 2048  # in one request, as OpenAI


def thing(description: str, *, optional: tuple[str, ...] = (), **fields: Shape) -> Shape:
    """Return the shape of an object that has these fields, and may have others."""
    needed = [name for name in fields if name not in optional]
    required = {"required": needed} if needed else {}
    return {"type": "object", "description": description, "properties": fields, **required}


def one_of(*values: object, description: str) -> Shape:
    return {"enum": list(values), "description": description}


def listed(items: Shape, **more: Any) -> Shape:
    return {"type": "array", "items": items, **more}


def or_null(shape: Shape) -> Shape:
    """Return a shape that may also be null: as good as not sent, or not known."""
    kind = shape["type"]
    return {**shape, "type": [kind, "null"]}


TEXT: Shape = {"type": "string"}
FLAG: Shape = {"type": "boolean"}
WHOLE: Shape = {"type": "integer"}
NUMBER: Shape = {"type": "number"}

# --- Requests ---
TEXT_PART = thing("A part that is a text.", type=one_of("text", description="The only kind that is read."), text=TEXT)
REFUSAL_PART = thing(
    "A refusal that a model gave, in messages of the assistant.",
    type=one_of("refusal", description="Read as a text."),
    refusal=TEXT,
)
MESSAGE = thing(
    "What somebody said. The last one is the user's question; system and developer messages are left aside.",
    optional=("content",),
    role=one_of("system", "developer", "user", "assistant", description="Who said it."),
    content={"oneOf": [or_null(TEXT), listed({"oneOf": [TEXT_PART, REFUSAL_PART]})]},
)
CHAT_REQUEST = thing(
    "All other parameters are left aside, and named in the reply's `ragsite.ignored`.",
    optional=(
        *("stream", "stream_options", "user", "safety_identifier", "ragsite"),
        *("n", "response_format", "logprobs", "modalities"),
    ),
    model={**TEXT, "minLength": 1, "description": "One of GET /v1/models.", "examples": ["ragsite"]},
    messages=listed(
        MESSAGE,
        minItems=1,
        examples=[
            [{"role": "user", "content": QUESTION}],
            [
                {"role": "user", "content": QUESTION},
                {"role": "assistant", "content": "Press the green button [1]."},
                {"role": "user", "content": [{"type": "text", "text": "And how do I stop it?"}]},
            ],
        ],
    ),
    stream=or_null({**FLAG, "description": "Answer as server-sent events, piece by piece."}),
    stream_options=or_null(
        thing(
            "Only where `stream` is true.",
            optional=("include_usage",),
            include_usage=or_null({**FLAG, "description": "A last piece tells the tokens."}),
        )
    ),
    user=or_null({**TEXT, "description": "Whom you ask for: transcripts of two never meet."}),
    safety_identifier=or_null({**TEXT, "description": "The same; counts before `user`."}),
    n=one_of(1, None, description="One answer is given."),
    response_format={
        "oneOf": [thing("Answers are text.", type=one_of("text", description="The only kind.")), {"type": "null"}]
    },
    logprobs=one_of(False, None, description="There are no log probabilities."),
    modalities={
        "oneOf": [listed(one_of("text", description="The only one."), minItems=1, maxItems=1), {"type": "null"}]
    },
    ragsite=or_null(
        thing(
            "Choices of our own, where the site lets users choose.",
            optional=("collection", "search_mode"),
            collection=or_null({**TEXT, "description": "The name of the collection that is searched."}),
            search_mode=one_of("text", "vector", "hybrid", None, description="How it is searched."),
        )
        | {"additionalProperties": False}
    ),
)
EMBEDDING_REQUEST = thing(
    "Other parameters are left aside.",
    optional=("dimensions", "encoding_format"),
    model={**TEXT, "minLength": 1, "description": "`ragsite`, or the name of an embedder.", "examples": ["ragsite"]},
    input={
        "examples": [QUESTION, [QUESTION, "Rain in spring."]],
        "oneOf": [
            {**TEXT, "minLength": 1},
            listed({**TEXT, "minLength": 1}, minItems=1, maxItems=EMBEDDED_TEXTS_MAX),
        ],
    },
    dimensions=or_null({**WHOLE, "description": "No others than those that the embedder has."}),
    encoding_format=one_of("float", "base64", None, description="base64: little-endian floats of 4 bytes."),
)

# --- Replies ---
MODEL = thing(
    "What may be asked.",
    id=TEXT,
    object=one_of("model", description="What it is."),
    created={**WHOLE, "description": "Seconds since 1970."},
    owned_by=TEXT,
)
MODEL_LIST = thing("The default first.", object=one_of("list", description="What it is."), data=listed(MODEL))
USAGE = or_null(
    thing(
        "Tokens of the model that wrote the answer; null: not known.",
        prompt_tokens=WHOLE,
        completion_tokens=WHOLE,
        total_tokens=WHOLE,
        prompt_tokens_details=or_null(thing("Null: not known.", cached_tokens=WHOLE)),
        completion_tokens_details=or_null(thing("Null: not known.", reasoning_tokens=WHOLE)),
    )
)
CITATION = thing(
    "A source that the answer cites.",
    number={**WHOLE, "description": "As it stands in the answer, in brackets."},
    document=or_null({**WHOLE, "description": "Its id."}),
    title=TEXT,
    heading=TEXT,
    url=or_null({**TEXT, "description": "The page that shows the passage."}),
    text={**TEXT, "description": f"How the passage begins, up to {EXCERPT_CHARS} characters."},
    score=or_null(NUMBER),
)
DETAILS = thing(
    "What only this site knows of an answer.",
    turn_id=WHOLE,
    conversation_id=TEXT,
    status=one_of("DONE", "STOPPED", description="STOPPED: somebody stopped it in the chat."),
    citations=listed(CITATION),
    nothing_found={**FLAG, "description": "The documents say nothing of it."},
    degraded={**TEXT, "description": "What was left out or replaced on the way; empty: nothing."},
    ignored=listed({**TEXT, "description": "What was sent and left aside."}),
    usage_is_estimated={**FLAG, "description": "The model's server did not count tokens."},
)
COMPLETION = thing(
    "An answer.",
    id=TEXT,
    object=one_of("chat.completion", description="What it is."),
    created=WHOLE,
    model={**TEXT, "description": "As it was asked for."},
    system_fingerprint={**TEXT, "description": "The pipeline config and version that answered."},
    choices=listed(
        thing(
            "The answer.",
            index=WHOLE,
            message=thing(
                "What was answered.",
                role=one_of("assistant", description="Who said it."),
                content=TEXT,
                refusal={"type": "null"},
            ),
            logprobs={"type": "null"},
            finish_reason=one_of("stop", "length", "content_filter", description="Why it ended."),
        ),
        minItems=1,
        maxItems=1,
    ),
    usage=USAGE,
    ragsite=DETAILS,
)
CHUNK = thing(
    "A piece of an answer. The last one with a choice has `ragsite`; one without a choice has the tokens, where they"
    " are asked for. In the place of a piece, an object with `error` tells of a failure.",
    optional=("usage", "ragsite"),
    id=TEXT,
    object=one_of("chat.completion.chunk", description="What it is."),
    created=WHOLE,
    model=TEXT,
    system_fingerprint=TEXT,
    choices=listed(
        thing(
            "What is added.",
            index=WHOLE,
            delta=thing(
                "What is added.",
                optional=("role", "content"),
                role=one_of("assistant", description="In the first piece."),
                content=TEXT,
            ),
            logprobs={"type": "null"},
            finish_reason=one_of("stop", "length", "content_filter", None, description="Null: it goes on."),
        ),
        maxItems=1,
    ),
    usage=USAGE,
    ragsite=DETAILS,
)
EVENT = thing(
    "A server-sent event; comments between events say that the connection stands.",
    data={
        "anyOf": [
            {**TEXT, "const": "[DONE]", "description": "The end."},
            {**TEXT, "contentMediaType": "application/json", "contentSchema": CHUNK},
        ]
    },
)
VECTOR = {"oneOf": [listed(NUMBER), {**TEXT, "description": "As base64."}]}
EMBEDDING_LIST = thing(
    "Vectors in the order of the texts.",
    object=one_of("list", description="What it is."),
    data=listed(
        thing("A vector.", object=one_of("embedding", description="What it is."), index=WHOLE, embedding=VECTOR)
    ),
    model=TEXT,
    usage=or_null(thing("Null: nobody counts them.", prompt_tokens=WHOLE, total_tokens=WHOLE)),
)

"""What can go wrong with a model, as a closed set of codes with words for people.

The words name the model and what to do. What the server itself said is left out: it may repeat the prompt or the key.
It stays with the exception's cause, for whoever looks into it.
"""

import re
from enum import StrEnum

from chat.exceptions import GenerationError


class ErrorCode(StrEnum):
    """Why a call failed: `LLMCall.error_code`, `GenerationError.code`, a label in metrics."""

    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER_ERROR = "server_error"
    BAD_REQUEST = "bad_request"
    AUTHENTICATION = "authentication"
    MODEL_NOT_FOUND = "model_not_found"
    STREAM_BROKEN = "stream_broken"
    MALFORMED = "malformed"
    EMPTY = "empty"
    CONTENT_FILTER = "content_filter"


# Worth the same request again at once, as long as no text was given out. A time limit is not: the user has waited.
RETRIED = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.CONNECTION, ErrorCode.SERVER_ERROR, ErrorCode.STREAM_BROKEN})
# The same request may succeed later, when a person tries again.
RETRYABLE = RETRIED | {ErrorCode.TIMEOUT, ErrorCode.MALFORMED, ErrorCode.EMPTY}

WORDS = {
    ErrorCode.RATE_LIMITED: "{model} gets too many requests at the moment{detail}. Try again in a minute.",
    ErrorCode.TIMEOUT: "{model} took too long to answer{detail}. Try again, or choose another model.",
    ErrorCode.CONNECTION: "The server of {model} cannot be reached{detail}. Check that it runs, and its address.",
    ErrorCode.SERVER_ERROR: "The server of {model} failed{detail}. Try again in a moment.",
    ErrorCode.BAD_REQUEST: "{model} refused the request{detail}. Choose another model or change its settings.",
    ErrorCode.AUTHENTICATION: "The server of {model} refused the key{detail}. An administrator must check it.",
    ErrorCode.MODEL_NOT_FOUND: "The server does not know {model}{detail}. Choose another model.",
    ErrorCode.STREAM_BROKEN: "The connection to {model} was lost in the middle of the answer{detail}. Try again.",
    ErrorCode.MALFORMED: "{model} sent something that is not an answer{detail}. Check the server's address.",
    ErrorCode.EMPTY: "{model} gave an empty answer{detail}. Try again, or choose another model.",
    ErrorCode.CONTENT_FILTER: "A content filter of {model} stopped the answer{detail}. Ask it differently.",
}


def generation_error(
    code: ErrorCode, model: str, *, detail: str = "", request_id: str = "", retryable: bool | None = None
) -> GenerationError:
    """Return the error for a code; `retryable` is that of the code unless given."""
    message = WORDS[code].format(model=model, detail=f" ({detail})" if detail else "")
    if retryable is None:
        retryable = code in RETRYABLE
    return GenerationError(message, code=code, retryable=retryable, request_id=request_id)


def code_for_status(status: int, vendor_code: str | None = None) -> ErrorCode:
    """Return the code for an HTTP status of 400 or more, as servers of the OpenAI protocol use them."""
    if vendor_code == "model_not_found":
        return ErrorCode.MODEL_NOT_FOUND
    known = {
        401: ErrorCode.AUTHENTICATION,
        403: ErrorCode.AUTHENTICATION,
        404: ErrorCode.MODEL_NOT_FOUND,
        408: ErrorCode.TIMEOUT,
        429: ErrorCode.RATE_LIMITED,
    }
    return known.get(status, ErrorCode.SERVER_ERROR if status >= 500 else ErrorCode.BAD_REQUEST)


def code_for_stream_error(vendor_code: str | None) -> ErrorCode:
    """Return the code for an error object inside a stream, where there is no status: its `code`, a word or a number."""
    if vendor_code is None:
        return ErrorCode.SERVER_ERROR
    if re.fullmatch(r"[45]\d\d", vendor_code):
        return code_for_status(int(vendor_code))
    if "rate_limit" in vendor_code:
        return ErrorCode.RATE_LIMITED
    if vendor_code in {"context_length_exceeded", "invalid_request_error", "invalid_prompt"}:
        return ErrorCode.BAD_REQUEST
    return ErrorCode.CONTENT_FILTER if vendor_code == "content_filter" else ErrorCode.SERVER_ERROR


def describe(status: int | None, vendor_code: str | None, parameter: str | None = None) -> str:
    """Return "HTTP 400, context_length_exceeded, parameter messages" of what is known, and only of plain names."""
    names = [name for name in (vendor_code, parameter) if name and re.fullmatch(r"[\w.\[\]-]{1,60}", name)]
    return ", ".join([*([f"HTTP {status}"] if status else []), *names])

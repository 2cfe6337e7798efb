"""What can go wrong in chat, said once. Each error has a `code` (for logs, the API and metrics: a closed set) and a
message that a person can act on."""


class ChatError(Exception):
    """Base of all errors that chat raises on purpose. `str(error)` is written for people."""

    code = "error"


class ConfigurationError(ChatError):
    """A model, embedder or provider is named that is not set up here."""

    code = "configuration"


class RetrievalError(ChatError):
    """Search or the embedding of the question failed."""

    code = "retrieval"


class EmbeddingError(RetrievalError):
    """An embedder refused, failed, or answered with vectors of the wrong shape."""

    code = "embedding"


class GenerationError(ChatError):
    """The model failed. `retryable` says whether the same request may succeed later; `request_id` is the vendor's."""

    code = "generation"

    def __init__(self, message: str, *, code: str = "generation", retryable: bool, request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.request_id = request_id


class IngestError(ChatError):
    """A file or record cannot be taken in; the message names the reason."""

    code = "ingest"


class QuestionRefusedError(ChatError):
    """A question cannot be asked: empty, too long, or while another answer is being written."""

    code = "question_refused"


class BudgetUsedUpError(QuestionRefusedError):
    """A budget has no room for what was asked. The message says until when, and whom to ask."""

    code = "budget_used_up"

"""Names by which things are sent: those of OpenTelemetry's semantic conventions for generative AI (a test compares them
with its package), and our own, which begin with "ragsite.", for what the conventions have no word for."""

# --- Operations, and the names of spans and events ---
INVOKE_WORKFLOW, CHAT, EMBEDDINGS, RETRIEVAL = "invoke_workflow", "chat", "embeddings", "retrieval"
EVALUATION_RESULT = "gen_ai.evaluation.result"  # an event
WORKFLOW = "ragsite"

# --- Attributes of the conventions ---
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
WORKFLOW_NAME = "gen_ai.workflow.name"
CONVERSATION = "gen_ai.conversation.id"
DATA_SOURCE = "gen_ai.data_source.id"
PROMPT_NAME = "gen_ai.prompt.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 # no secret
DIMENSIONS = "gen_ai.embeddings.dimension.count"
DOCUMENTS = "gen_ai.retrieval.documents"
EVALUATION_NAME = "gen_ai.evaluation.name"
SCORE_VALUE = "gen_ai.evaluation.score.value"
SCORE_LABEL = "gen_ai.evaluation.score.label"
ERROR_TYPE = "error.type"
SERVER_ADDRESS, SERVER_PORT = "server.address", "server.port"

# --- Attributes of the conventions that hold text ---
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
QUERY_TEXT = "gen_ai.retrieval.query.text"
EXPLANATION = "gen_ai.evaluation.explanation"

# --- Metrics of the conventions ---
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 # no secret
OPERATION_DURATION = "gen_ai.client.operation.duration"
OPERATION_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
WORKFLOW_DURATION = "gen_ai.workflow.duration"

# --- Our own attributes ---
TURN_ID = "ragsite.turn.id"
TURN_POSITION = "ragsite.turn.position"
TURN_STATUS = "ragsite.turn.status"
ORIGIN = "ragsite.origin"
NOTHING_FOUND = "ragsite.turn.nothing_found"
DEGRADED = "ragsite.turn.degraded"
CITED_COUNT = "ragsite.turn.cited_count"
FIRST_TOKEN_SECONDS = "ragsite.turn.first_token_seconds"  # noqa: S105 # no secret
ERROR_MESSAGE = "ragsite.turn.error_message"
CONFIG_NAME, CONFIG_VERSION = "ragsite.config.name", "ragsite.config.version"
COLLECTION_ID = "ragsite.collection.id"
SEARCH_MODE = "ragsite.search.mode"
HIT_COUNT, TOP_K, TOP_SIMILARITY = "ragsite.hit_count", "ragsite.top_k", "ragsite.top_similarity"
RERANK_BY, RERANK_DEPTH = "ragsite.rerank.by", "ragsite.rerank.depth"
COST_USD = "ragsite.cost_usd"
PURPOSE = "ragsite.call.purpose"
ATTEMPTS = "ragsite.call.attempts"
REQUEST_ID = "ragsite.call.request_id"
ESTIMATED_INPUT_TOKENS = "ragsite.usage.estimated_input_tokens"
ESTIMATED_OUTPUT_TOKENS = "ragsite.usage.estimated_output_tokens"
SCORE_ID, SCORE_SOURCE = "ragsite.score.id", "ragsite.score.source"
SCORE_ANNOTATOR, SCORE_OF = "ragsite.score.annotator_kind", "ragsite.score.of"  # of: "turn" or "conversation"
JUDGE, JUDGE_VERSION, JUDGE_MODEL = "ragsite.judge.name", "ragsite.judge.version", "ragsite.judge.model"
FEEDBACK_REASONS = "ragsite.feedback.reasons"

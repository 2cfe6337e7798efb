"""What chat stores. The database states the rules: closed sets are check constraints, "only once" is a unique one."""

from chat.models.api import ApiToken, ApiUse, KeptReply
from chat.models.budget import Budget, BudgetHold, BudgetMonth
from chat.models.client_conversation import ClientConversation
from chat.models.conversation import Conversation
from chat.models.feedback import Feedback, ImplicitSignal
from chat.models.hit import Hit
from chat.models.knowledge import Chunk, Collection, Document, Embedder, Embedding
from chat.models.llm_call import LLMCall
from chat.models.pipeline import Heartbeat, ModelPrice, PipelineConfig
from chat.models.turn import Turn
from chat.models.words import CollectionTotals, Posting, Term

__all__ = [
    "ApiToken",
    "ApiUse",
    "Budget",
    "BudgetHold",
    "BudgetMonth",
    "Chunk",
    "ClientConversation",
    "Collection",
    "CollectionTotals",
    "Conversation",
    "Document",
    "Embedder",
    "Embedding",
    "Feedback",
    "Heartbeat",
    "Hit",
    "ImplicitSignal",
    "KeptReply",
    "LLMCall",
    "ModelPrice",
    "PipelineConfig",
    "Posting",
    "Term",
    "Turn",
]

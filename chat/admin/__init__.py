"""The admin: one file an area. What the chat recorded can be read here and never changed; the knowledge base, the
pipeline configs and the prices are managed here."""

from chat.admin import budgets, collections, configs, conversations, documents, feedback, people, prices, tokens, turns

__all__ = [
    "budgets",
    "collections",
    "configs",
    "conversations",
    "documents",
    "feedback",
    "people",
    "prices",
    "tokens",
    "turns",
]

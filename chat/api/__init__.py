"""The API of the chat: conversations, turns, feedback, knowledge, and what all of the API has in common."""

"""The site as a server of OpenAI's protocol, below /v1/: whatever speaks to OpenAI can ask here.

The shapes of requests, replies, streams and errors are OpenAI's; what only this site knows of an answer stands under
one more key, `ragsite`. Tokens, scopes and limits are those of the REST API (chat/api).
"""

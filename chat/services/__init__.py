"""The only writers of chat's tables: what views, APIs, commands and tests call."""

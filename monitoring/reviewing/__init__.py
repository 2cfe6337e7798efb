"""The review queue: who reviews what, what is decided, and what comes of it."""

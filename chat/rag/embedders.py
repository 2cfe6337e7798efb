"""The embedders of this process. Ask `get_embedder` for one each time: it keeps one of each, and none across a fork."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from chat.exceptions import ConfigurationError
from chat.rag.config import Provider
from chat.rag.embed import LOCAL_NAME, LocalEmbedder, TextEmbedder
from chat.rag.embed_server import OpenAIEmbedder
from chat.rag.minilm import DIMENSIONS as MINILM_DIMENSIONS

_embedders: dict[tuple[object, ...], OpenAIEmbedder] = {}
_local_embedders: dict[tuple[object, ...], LocalEmbedder] = {}
_embedders_lock = threading.Lock()


def get_embedder(
    name: str,
    *,
    cache_dir: Path,
    providers: Mapping[str, Provider],
    dimensions: int | None = None,
    threads: int | None = None,
) -> TextEmbedder:
    """Return this process's embedder of that name; nothing is loaded or asked yet.

    `dimensions`: of the Embedder row, None for one that is not registered; `threads`: of the local model's runs.
    Raises ConfigurationError for a name that is not set up here.
    """
    if name == LOCAL_NAME:
        if dimensions not in (None, MINILM_DIMENSIONS):
            raise ConfigurationError(
                f'Embedder "{name}" has {MINILM_DIMENSIONS} dimensions, its row says {dimensions}.'
            )
        return get_local_embedder(cache_dir=cache_dir, threads=threads)
    provider_name, _, model = name.partition("/")
    provider = providers.get(provider_name)
    if provider is None or not model:
        known = ", ".join(sorted(f"{provider}/MODEL" for provider in providers)) or "no server is set up"
        raise ConfigurationError(f'Embedder "{name}" is not known here. Known: {LOCAL_NAME}; {known}.')
    key = (name, provider, dimensions)
    with _embedders_lock:
        if key not in _embedders:
            _embedders[key] = OpenAIEmbedder(provider, model, dimensions=dimensions)
        return _embedders[key]


def get_local_embedder(*, cache_dir: Path, threads: int | None = None) -> LocalEmbedder:
    """Return this process's local embedder; nothing is loaded yet."""
    key = (LOCAL_NAME, cache_dir, threads)
    with _embedders_lock:
        if key not in _local_embedders:
            _local_embedders[key] = LocalEmbedder(cache_dir, threads=threads)
        return _local_embedders[key]


# Kept for ever: a session that is destroyed waits for its threads, which never end where they never came along.
_left_behind: list[TextEmbedder] = []


def _forget_embedders() -> None:
    """Start anew in a forked process (the worker forks): threads of a session or client did not come along."""
    global _embedders_lock
    _embedders_lock = threading.Lock()
    _left_behind.extend([*_embedders.values(), *_local_embedders.values()])
    _embedders.clear()
    _local_embedders.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_embedders)

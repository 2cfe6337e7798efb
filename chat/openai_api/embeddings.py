"""Vectors of texts, by the embedder that searches here or another one that is set up."""

import base64
from typing import Any

import numpy as np
from django.db import connections
from drf_spectacular.utils import extend_schema
from numpy.typing import NDArray
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.models import Embedder
from chat.models.api import Scope
from chat.models.conversation import Origin
from chat.openai_api.errors import RefusedError
from chat.openai_api.requests import model_name, plain
from chat.openai_api.shapes import EMBEDDED_TEXTS_MAX, EMBEDDING_LIST, EMBEDDING_REQUEST
from chat.openai_api.view import OpenAIView
from chat.services.budgets import check_budgets
from chat.services.configs import default_config, ensure_default_config
from chat.services.embedding import embed_documents
from chat.services.knowledge import embedder_of
from chat.services.offers import DEFAULT_NAME


class Embeddings(OpenAIView):
    """Vectors of texts."""

    access = {"POST": Access(Scope.READ)}

    @extend_schema(
        operation_id="createEmbedding",
        request={"application/json": EMBEDDING_REQUEST},
        responses={200: EMBEDDING_LIST},
    )
    def post(self, request: Request) -> Response:
        """Embed a text, or several."""
        fields = request.data
        if not isinstance(fields, dict):
            raise RefusedError("The body must be a JSON object.")
        name = model_name(fields)
        row = embedder_row(name)
        texts = read_texts(fields.get("input"))
        is_packed = read_format(fields.get("encoding_format"))
        if fields.get("dimensions") not in (None, row.dimensions):
            raise RefusedError(f"The vectors of '{name}' have {row.dimensions} dimensions.", param="dimensions")
        embedder = embedder_of(row)
        user: Any = request.user  # a model of the settings' choice
        check_budgets(user_id=user.pk, models=[row.name])
        # This thread would keep its connection for as long as the server works.
        connections.close_all()
        embedded = embed_documents(embedder, texts, origin=Origin.API, user_id=user.pk)
        data = [
            {"object": "embedding", "index": index, "embedding": packed(vector) if is_packed else vector.tolist()}
            for index, vector in enumerate(embedded.vectors)
        ]
        tokens = embedded.input_tokens
        usage = None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
        return Response({"object": "list", "model": name, "data": data, "usage": usage})


def embedder_row(name: str) -> Embedder:
    """Return the embedder of a name; "ragsite" is the one that searches by default. Raises RefusedError for a name that
    there is not."""
    if name == DEFAULT_NAME:
        return (default_config() or ensure_default_config()).embedder
    if found := Embedder.objects.filter(name=name).first():
        return found
    known = ", ".join([DEFAULT_NAME, *Embedder.objects.values_list("name", flat=True)])
    raise RefusedError(
        f"The model '{name}' makes no vectors here; there are {known}.",
        param="model",
        code="model_not_found",
        status=404,
    )


def read_texts(given: Any) -> list[str]:
    """Return what is to be embedded. Raises RefusedError for what is no text."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise RefusedError("'input' must be a text or a list of texts.", param="input")
    if len(texts) > EMBEDDED_TEXTS_MAX:
        raise RefusedError(f"'input' may have {EMBEDDED_TEXTS_MAX} texts, not {len(texts)}.", param="input")
    for place, text in enumerate(texts):
        if isinstance(text, int | list):
            raise RefusedError("'input' has tokens, which are those of another model: send texts.", param="input")
        if not isinstance(text, str) or not text:
            raise RefusedError(f"'input[{place}]' must be a text of at least one character.", param="input")
    return [plain(text, "input") for text in texts]


def read_format(given: Any) -> bool:
    """Return whether vectors are sent packed, as base64, and not as lists of numbers."""
    if given not in (None, "float", "base64"):
        raise RefusedError("'encoding_format' is float or base64.", param="encoding_format")
    return bool(given == "base64")


def packed(vector: NDArray[np.float32]) -> str:
    """Return a vector as base64 of its numbers, little-endian."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()

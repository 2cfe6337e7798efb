"""What may be asked, as models."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.models.api import Scope
from chat.openai_api.errors import RefusedError
from chat.openai_api.shapes import MODEL, MODEL_LIST
from chat.openai_api.view import OpenAIView
from chat.services.offers import Offer, find_offer, offers_to


class Models(OpenAIView):
    """All that the user may ask."""

    access = {"GET": Access(Scope.READ, also=(Scope.CHAT,))}

    @extend_schema(operation_id="listModels", responses={200: MODEL_LIST})
    def get(self, request: Request) -> Response:
        """List them, the default first."""
        return Response({"object": "list", "data": [as_model(offer) for offer in offers_to(request.user)]})


class OneModel(OpenAIView):
    """One of them."""

    access = {"GET": Access(Scope.READ, also=(Scope.CHAT,))}

    @extend_schema(
        operation_id="retrieveModel",
        parameters=[OpenApiParameter("model_id", str, OpenApiParameter.PATH, description="Its name.")],
        responses={200: MODEL},
    )
    def get(self, request: Request, model_id: str) -> Response:
        """Tell of one model."""
        return Response(as_model(asked_offer(request.user, model_id)))


def asked_offer(user: Any, name: str) -> Offer:
    """Return what answers under a name. Raises RefusedError where nothing does."""
    offer = find_offer(user, name)
    if offer is None:
        raise RefusedError(
            f"The model '{name}' does not exist, or you may not use it; GET /v1/models lists those that you may.",
            param="model",
            code="model_not_found",
            status=404,
        )
    return offer


def as_model(offer: Offer) -> dict[str, Any]:
    """Return an offer as it is listed."""
    created = int(offer.created_at.timestamp())
    return {"id": offer.name, "object": "model", "created": created, "owned_by": "ragsite"}

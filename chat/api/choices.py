"""What a program may choose for a question, as RAGSITE_USER_CHOICES allows it to people: model, search mode, and
collection. What was not sent stays as the conversation has it; empty means the config's, or all collections."""

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from chat.models import Collection, Conversation
from chat.models.pipeline import PipelineConfig
from chat.services.configs import available_models

NAMES = ("model", "search_mode", "collection")
EMPTY: dict[str, Any] = {"model": "", "search_mode": "", "collection": None}


class ChoicesSerializer(serializers.Serializer[Any]):
    """Model, search mode and collection of questions."""

    model = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="One of /api/v1/models/. Empty: the default."
    )
    search_mode = serializers.ChoiceField(
        PipelineConfig.Mode.choices, required=False, allow_blank=True, help_text="Empty: the default."
    )
    collection = serializers.PrimaryKeyRelatedField(
        queryset=Collection.objects.all(), required=False, allow_null=True, help_text="Empty: all are searched."
    )


def chosen(values: dict[str, Any], conversation: Conversation | None = None) -> dict[str, Any]:
    """Return model, search mode and collection for the services. ValidationError, by field, for what may not be chosen
    here and for a model that there is not. At most one query, none where nothing is chosen."""
    before = {name: getattr(conversation, name) for name in NAMES} if conversation else EMPTY
    sent = {name: values[name] for name in NAMES if name in values and values[name] != before[name]}
    problems = {
        name: ErrorDetail("This cannot be chosen here; leave it out.", code="not_offered")
        for name, value in sent.items()
        if name not in settings.USER_CHOICES and value != EMPTY[name]
    }
    if "model" not in problems and (model := sent.get("model")) and model not in available_models():
        problems["model"] = ErrorDetail(
            f'There is no model "{model}"; /api/v1/models/ lists those there are.', code="does_not_exist"
        )
    if problems:
        raise ValidationError(problems)
    return before | sent

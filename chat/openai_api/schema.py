"""How the operations of OpenAI's protocol are described in their OpenAPI file: with errors in OpenAI's shape."""

from typing import Any

from rest_framework import serializers

from chat.api.schema import ApiSchema


class ErrorDetailSerializer(serializers.Serializer[Any]):
    """What is wrong."""

    message = serializers.CharField(help_text="What is wrong and what to do, for people.")
    type = serializers.CharField()
    param = serializers.CharField(allow_null=True, help_text="The part of the request that is wrong.")
    code = serializers.CharField(allow_null=True, help_text="Stays the same, for programs.")


class ErrorSerializer(serializers.Serializer[Any]):
    """An error as OpenAI's clients read it."""

    error = ErrorDetailSerializer()


class OpenAISchema(ApiSchema):
    """Errors of every operation, and those of the ones that ask a model."""

    error_serializer = ErrorSerializer
    error_content_type = "application/json"

    def get_tags(self) -> list[str]:
        return ["openai"]

    def _error_statuses(self) -> list[str]:
        statuses = ["400", "401", "403", "429"]
        if "{" in self.path:
            statuses.append("404")
        if self.method == "POST":
            statuses += ["404", "413", "415", "500", "503"]
        return statuses + list(getattr(self.view, "other_errors", {}).get(self.method, ()))

"""Scores: what judges, reviewers and programs said of turns; programs send theirs here."""

from functools import partial
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.fields import FIELDS
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import ApiView, asked, read
from chat.models.api import Scope
from monitoring.api.queries import RangeQuery
from monitoring.models import JudgeVersion, Score
from monitoring.models.scores import ScoreQuerySet
from monitoring.scoring.access import readable_by, sent_by
from monitoring.scoring.shapes import kind_of
from monitoring.scoring.writing import (
    EXPLANATION_CHARS,
    IDENTIFIER_CHARS,
    LABEL_CHARS,
    NAME_CHARS,
    ScoreDraft,
    delete_score,
    write_score,
    yes_or_no,
)


class ScoreSerializer(serializers.ModelSerializer[Score]):
    """A score. Without a value it is in no mean: either `error` says why there is none, or a program sent a label."""

    turn = serializers.IntegerField(source="turn_id", help_text="Of a score on a conversation: its last turn then.")
    conversation = serializers.UUIDField(
        source="conversation_id", allow_null=True, help_text="Set where the whole conversation was scored."
    )
    boolean = serializers.BooleanField(allow_null=True, help_text="Of a score that says yes or no.")
    judge = serializers.CharField(source="judge_version.judge", default="", help_text="Empty: no judge.")
    judge_version = serializers.IntegerField(source="judge_version_id", allow_null=True)
    annotator_kind = serializers.SerializerMethodField(help_text="HUMAN, LLM or CODE.")
    by = serializers.SerializerMethodField(help_text="The reviewer, or whose program sent it. Empty: a judge.")
    metadata = serializers.JSONField(source="details.metadata", default=dict)

    class Meta:
        model = Score
        fields = [
            "id",
            "turn",
            "conversation",
            "name",
            "source",
            "value",
            "label",
            "boolean",
            "explanation",
            "error",
            "judge",
            "judge_version",
            "annotator_kind",
            "by",
            "identifier",
            "metadata",
            "created_at",
            "updated_at",
        ]

    def get_annotator_kind(self, score: Score) -> str:
        return str(kind_of(score))

    def get_by(self, score: Score) -> str:
        person = score.reviewer or score.author
        return person.get_username() if person else ""


class NewScoreSerializer(serializers.Serializer[Any]):
    """A score to send: of a turn or a conversation, and one of value, label or boolean."""

    turn = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    conversation = serializers.UUIDField(required=False)
    name = serializers.CharField(max_length=NAME_CHARS, help_text='What is scored, such as "helpfulness".')
    value = serializers.FloatField(required=False, min_value=0, max_value=1, help_text="0 to 1, larger is better.")
    label = serializers.CharField(  # type: ignore[assignment] # a field of the body, not the field's own label
        required=False, max_length=LABEL_CHARS, help_text="A category. It has no value, so it is in no mean."
    )
    boolean = serializers.BooleanField(required=False, allow_null=True, default=None)
    explanation = serializers.CharField(required=False, default="", allow_blank=True, max_length=EXPLANATION_CHARS)
    identifier = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=IDENTIFIER_CHARS,
        help_text="Your own name for it: with another one, several scores of the same name can stand side by side.",
    )
    annotator_kind = serializers.ChoiceField(Score.Annotator.choices, required=False, default=Score.Annotator.CODE)
    metadata = serializers.DictField(required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("turn" in attrs) == ("conversation" in attrs):
            raise ValidationError("Say what is scored: either `turn` or `conversation`.")
        said = ["value" in attrs, "label" in attrs, attrs["boolean"] is not None]
        if sum(said) != 1:
            raise ValidationError("Say exactly one thing: `value`, `label` or `boolean`.")
        return attrs

    def draft(self) -> ScoreDraft:
        """Return what was sent as the service takes it."""
        sent = dict(self.validated_data)
        answer = sent.pop("boolean")
        turn, conversation = sent.pop("turn", None), sent.pop("conversation", None)
        if answer is not None:
            sent["value"], sent["label"] = yes_or_no(answer)
        return ScoreDraft(turn_id=turn, conversation_id=conversation, **sent)


class ScoresQuery(RangeQuery):
    """Which scores; times are those at which they were given."""

    turn = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    conversation = serializers.UUIDField(required=False, help_text="Scores of its turns and of the whole.")
    name = serializers.CharField(required=False)
    source = serializers.ChoiceField(Score.Source.choices, required=False)  # type: ignore[assignment] # a parameter
    judge = serializers.CharField(required=False, help_text='Such as "groundedness_offline".')
    label = serializers.CharField(required=False)  # type: ignore[assignment] # a parameter


class Scores(ApiView):
    """Scores that one may see: all with the permission `monitoring.view_score`, else those that one sent."""

    access = {"GET": Access(Scope.READ), "POST": Access(Scope.SCORE)}
    no_key = ""

    @extend_schema(operation_id="list_scores", parameters=[ScoresQuery, FIELDS], responses=ScoreSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List scores, the newest first: all with the permission `monitoring.view_score`, else one's own."""
        rows = found(request, asked(request, ScoresQuery))
        return self.page(request, for_list(rows), ScoreSerializer, ordering="-created_at")

    @extend_schema(
        operation_id="send_score",
        request=NewScoreSerializer,
        responses={201: ScoreSerializer, 200: OpenApiResponse(ScoreSerializer, "It took an earlier one's place.")},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Score a turn or a conversation: one's own, or any with the permission `monitoring.add_score`. Sent again
        under the same name and identifier, a score takes the earlier one's place."""
        return once(request, partial(_write, request), partial(_shown, sent_by(request.user)))


class OneScore(ApiView):
    """A score."""

    access = {"GET": Access(Scope.READ), "DELETE": Access(Scope.SCORE)}
    has_etag = True

    @extend_schema(operation_id="get_score", responses=ScoreSerializer)
    def get(self, request: Request, score_id: int) -> HttpResponseBase:
        """Return a score that one may see."""
        return tagged(request, _shown(readable_by(request.user), score_id))

    @extend_schema(operation_id="delete_score", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, score_id: int) -> Response:
        """Take back a score that one sent."""
        delete_score(score=get_object_or_404(sent_by(request.user), pk=score_id))
        return Response(status=204)


def found(request: Request, wanted: dict[str, Any]) -> ScoreQuerySet:
    """Return the scores that a query asks for, of those that its user may see."""
    columns = {
        "turn": "turn",
        "conversation": "turn__conversation",
        "name": "name",
        "source": "source",
        "label": "label",
        "since": "created_at__gte",
        "until": "created_at__lt",
    }
    rows = readable_by(request.user)
    if judge := wanted.pop("judge", ""):
        # Looked up before, so that a judge without verdicts is known at once.
        versions = JudgeVersion.objects.filter(judge=judge).values_list("pk", flat=True)
        rows = rows.filter(judge_version__in=list(versions))
    return rows.filter(**{columns[name]: value for name, value in wanted.items()})


def for_list(scores: ScoreQuerySet) -> ScoreQuerySet:
    """Return scores with what is shown of them."""
    return scores.select_related("judge_version", "reviewer", "author")


def _write(request: Request) -> Done:
    draft = read(NewScoreSerializer, request.data).draft()
    score, is_new = write_score(draft=draft, author=request.user)
    return Done(score.pk, status=201 if is_new else 200)


def _shown(scores: ScoreQuerySet, score_id: int) -> Any:
    return ScoreSerializer(get_object_or_404(for_list(scores), pk=score_id)).data

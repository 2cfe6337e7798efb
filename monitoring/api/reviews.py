"""The review queue: listing it, taking and giving back items, deciding them, and making items of datasets of them."""

from collections import defaultdict
from functools import partial
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.problems import ConflictError
from chat.api.view import ApiView, asked, checked
from chat.models import Turn
from chat.models.api import Scope
from monitoring.api.review_shapes import (
    DecisionSerializer,
    ReviewItemSerializer,
    WholeReviewSerializer,
    reasons_of,
    verdicts_of,
)
from monitoring.exceptions import ReservedError
from monitoring.flags.finding import WATCHED_ORIGINS
from monitoring.models import Flag, Review, ReviewItem, Score
from monitoring.models.reviewing import ReviewItemQuerySet
from monitoring.reviewing.deciding import decide, reopen
from monitoring.reviewing.opinions import REVIEWING, outcome_of
from monitoring.reviewing.reserving import release, release_expired, reserve, reserve_next

VIEW = Access(Scope.READ, "monitoring.view_reviewitem")
REVIEW = Access(Scope.ADMIN, "monitoring.add_review")  # and the other of REVIEWING: `reviewer_of` looks
WAITING, ALL = "waiting", "all"
CONFLICT = {"POST": ("409",)}


class ReviewsQuery(serializers.Serializer[Any]):
    """Which items."""

    status = serializers.ChoiceField([WAITING, *ReviewItem.Status.values, ALL], required=False, default=WAITING)
    reason = serializers.ChoiceField(Flag.Reason.choices, required=False)
    origin = serializers.ChoiceField([origin.value for origin in WATCHED_ORIGINS], required=False)
    assignee = serializers.CharField(required=False, help_text='A username, "me", or "none".')


class NextSerializer(serializers.Serializer[Any]):
    """What is passed over."""

    without = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)


class HeldSerializer(serializers.Serializer[Any]):
    """For how long an item is reserved."""

    reserved_until = serializers.DateTimeField()


class Reviews(ApiView):
    """Items of the queue."""

    access = {"GET": VIEW}

    @extend_schema(operation_id="list_reviews", parameters=[ReviewsQuery], responses=ReviewItemSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the queue: what waits, the most important first."""
        release_expired()
        wanted = asked(request, ReviewsQuery)
        rows = _found(request.user, wanted)
        return self.page(request, rows, _Listed, ordering="-priority")


class _Listed(ReviewItemSerializer):
    """Items with the reasons of all of a page, by one query."""

    class Meta(ReviewItemSerializer.Meta):
        ref_name = "ReviewItem"

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> Any:
        kwargs["context"] = {**kwargs.get("context", {}), "reasons": reasons_of(list(args[0]))}
        return super().many_init(*args, **kwargs)


class OneReview(ApiView):
    """An item of the queue."""

    access = {"GET": VIEW}
    has_etag = True

    @extend_schema(operation_id="get_review", responses=WholeReviewSerializer)
    def get(self, request: Request, item_id: int) -> HttpResponseBase:
        """Return a conversation under review, as far as one may see it; this reserves nothing."""
        return tagged(request, shown(request.user, item_id))


class NextReview(ApiView):
    """The next item for a reviewer."""

    access = {"POST": REVIEW}

    @extend_schema(
        operation_id="take_next_review",
        request=NextSerializer,
        responses={200: WholeReviewSerializer, 204: OpenApiResponse(description="Nothing waits for this reviewer.")},
    )
    def post(self, request: Request) -> Response:
        """Reserve what one is at work on already, else the first item that is free."""
        without = checked(NextSerializer, request.data)["without"]
        item = reserve_next(reviewer=reviewer_of(request), without=without)
        return Response(status=204) if item is None else Response(shown(request.user, item.pk))


class Reservation(ApiView):
    """A reviewer's hold on an item."""

    access = {"POST": REVIEW, "DELETE": REVIEW}
    takes_no_body = True
    other_errors = CONFLICT

    @extend_schema(operation_id="reserve_review", request=None, responses=HeldSerializer)
    def post(self, request: Request, item_id: int) -> Response:
        """Reserve an item, or hold on to it for another while."""
        try:
            review = reserve(item=item_for(item_id), reviewer=reviewer_of(request))
        except ReservedError as error:
            raise ConflictError(str(error), code=error.code) from error
        return Response(HeldSerializer(review).data)

    @extend_schema(operation_id="release_review", responses={204: OpenApiResponse(description="Given back.")})
    def delete(self, request: Request, item_id: int) -> Response:
        """Give an item back, undecided."""
        release(item=item_for(item_id), reviewer=reviewer_of(request))
        return Response(status=204)


class Decision(ApiView):
    """A reviewer's decision on an item."""

    access = {"POST": REVIEW}
    no_key = ""

    @extend_schema(
        operation_id="decide_review",
        request=DecisionSerializer,
        responses=WholeReviewSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, item_id: int) -> Response:
        """Decide an item: labels, corrected answers and a note, or that it was flagged for no reason. The decision
        stands; a second one by the same reviewer is refused."""
        return once(request, partial(_decide, request, item_for(item_id)), partial(shown, request.user))


class Reopening(ApiView):
    """A finished item that is looked at again."""

    access = {"POST": REVIEW}
    takes_no_body = True

    @extend_schema(operation_id="reopen_review", request=None, responses=WholeReviewSerializer)
    def post(self, request: Request, item_id: int) -> Response:
        """Put a finished item into the queue again, as a new round."""
        reopen(item=item_for(item_id), reviewer=reviewer_of(request))
        return Response(shown(request.user, item_id))


def reviewer_of(request: Request) -> Any:
    """Return who asks; PermissionDenied for one who does not review."""
    user: Any = request.user
    if not user.has_perms(REVIEWING):
        raise PermissionDenied(f"Reviewing needs the permissions {' and '.join(REVIEWING)}.", code="permission_missing")
    return user


def item_for(item_id: int) -> ReviewItem:
    """Return an item whose conversation its user has not deleted, or 404."""
    return get_object_or_404(ReviewItem.objects.readable(), pk=item_id)


def shown(user: Any, item_id: int) -> Any:
    """Return an item with its turns, as far as a user may see it. About ten queries."""
    item: Any = get_object_or_404(ReviewItem.objects.for_list(), pk=item_id)
    outcome = outcome_of(item, user, is_reviewer=user.has_perms(REVIEWING))
    turns: list[Any] = list(_turns(item))
    flags, verdicts = defaultdict(list), defaultdict(list)
    for flag in Flag.objects.filter(turn__in=turns).select_related("turn"):
        flags[flag.turn_id].append(flag)
    judged = Score.objects.by_judges().filter(turn__in=turns, conversation__isnull=True)
    for score in judged.select_related("judge_version"):
        verdicts[score.turn_id].append(score)
    for turn in turns:
        turn.shown_flags, turn.shown_verdicts = flags[turn.pk], verdicts[turn.pk]
        turn.shown_opinions = outcome.opinions.get(turn.pk, ())
        turn.shown_corrections = dict(outcome.corrections.get(turn.pk, ()))
    item.shown_turns, item.shown_reviews = turns, outcome.reviews
    item.shown_opinions = outcome.opinions.get(None, ())
    return WholeReviewSerializer(item, context={"reasons": reasons_of([item])}).data


def _turns(item: ReviewItem) -> Any:
    return Turn.objects.filter(conversation=item.conversation_id).prefetch_related("hits").order_by("position", "pk")


def _decide(request: Request, item: ReviewItem) -> Done:
    decision = checked(DecisionSerializer, request.data)
    waiting = Flag.objects.filter(turn__conversation=item.conversation_id, settled_at=None)
    seen = decision.get("seen_flags")
    decide(
        item=item,
        reviewer=reviewer_of(request),
        verdicts=verdicts_of(decision),
        seen_flags=list(waiting.values_list("pk", flat=True)) if seen is None else seen,
        is_dismissed=decision["dismiss"],
        seen_round=decision.get("round"),
    )
    return Done(item.pk, status=200)


def _found(user: Any, wanted: dict[str, Any]) -> ReviewItemQuerySet:
    """Return the items that a query asks for."""
    rows = ReviewItem.objects.for_list()
    if wanted["status"] == WAITING:
        rows = rows.filter(status__in=[ReviewItem.Status.OPEN, ReviewItem.Status.IN_REVIEW])
    elif wanted["status"] != ALL:
        rows = rows.filter(status=wanted["status"])
    if reason := wanted.get("reason"):
        rows = rows.filter(Exists(Flag.objects.filter(turn__conversation=OuterRef("conversation"), reason=reason)))
    if origin := wanted.get("origin"):
        rows = rows.filter(Exists(Turn.objects.filter(conversation=OuterRef("conversation"), origin=origin)))
    if assignee := wanted.get("assignee"):
        reviews = Review.objects.filter(item=OuterRef("pk"), round=OuterRef("round"))
        if assignee == "none":
            held = reviews.filter(reserved_until__gt=timezone.now()) | reviews.filter(decided_at__isnull=False)
            return rows.filter(~Exists(held))
        name = user.get_username() if assignee == "me" else assignee
        rows = rows.filter(Exists(reviews.filter(reviewer__username=name)))
    return rows

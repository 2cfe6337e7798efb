"""The review page: opening it reserves the item; saving decides it and opens the next. Who may not review reads it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from chat.admin.base import excerpt
from chat.models import PipelineConfig
from monitoring.admin.review_form import Filled
from monitoring.admin.review_parts import ReviewTurn, conversation_judges, conversation_rows, review_turns
from monitoring.exceptions import ReservedError, ReviewError
from monitoring.models import Review, ReviewItem
from monitoring.reviewing.adding import dataset_names
from monitoring.reviewing.deciding import decide
from monitoring.reviewing.opinions import REVIEWING, outcome_of, progress_of
from monitoring.reviewing.reserving import release, reserve, reserve_next

PAGE = "admin/monitoring/reviewitem/review.html"
PASSED_OVER = "reviews_passed_over"  # in the session: items that this reviewer skipped
LAST = "review_decided_last"  # in the session


def may_review(request: HttpRequest) -> bool:
    """Whether somebody decides; who only sees the queue does not."""
    return request.user.has_perms(REVIEWING)


def item_for(item_id: int) -> ReviewItem:
    """Return an item with its conversation, or 404."""
    items = ReviewItem.objects.readable().select_related("conversation__user", "conversation__collection")
    return get_object_or_404(items, pk=item_id)


@permission_required("monitoring.view_reviewitem", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def review_view(request: HttpRequest, item_id: int) -> HttpResponse:
    """Show an item, and take what a reviewer decides, dismisses or skips."""
    item = item_for(item_id)
    if request.method != "POST":
        return page(request, item, Filled())
    if not may_review(request):
        raise PermissionDenied
    if request.POST.get("action") == "skip":
        release(item=item, reviewer=request.user)
        request.session[PASSED_OVER] = [*request.session.get(PASSED_OVER, []), item.pk]
        return to_next(request)
    return _decide(request, item, Filled.of(request.POST))


def _decide(request: HttpRequest, item: ReviewItem, filled: Filled) -> HttpResponse:
    dismissed = request.POST.get("action") == "dismiss"
    try:
        decide(
            item=item,
            reviewer=request.user,
            verdicts=filled.verdicts(),
            seen_flags=filled.seen_flags,
            seen_round=filled.seen_round,
            is_dismissed=dismissed,
        )
    except ReviewError as error:
        messages.error(request, str(error))
        return page(request, item, filled, status=422)
    messages.success(request, f"{'Dismissed' if dismissed else 'Saved'}: {excerpt(str(item.conversation), 60)}")
    request.session[LAST] = item.pk
    return to_next(request)


def to_next(request: HttpRequest) -> HttpResponse:
    """Lead to the next item that is free, past those that were skipped while there are others; to the queue when there
    is none."""
    passed = request.session.get(PASSED_OVER, [])
    item = reserve_next(reviewer=request.user, without=passed)
    if item is None and passed:
        del request.session[PASSED_OVER]
        item = reserve_next(reviewer=request.user)
    if item is None:
        messages.info(request, "Nothing waits for you: the queue is empty.")
        return HttpResponseRedirect(reverse("admin:monitoring_reviewitem_changelist"))
    return HttpResponseRedirect(item.get_absolute_url())


def page(request: HttpRequest, item: ReviewItem, filled: Filled, *, status: int = 200) -> HttpResponse:
    """Show an item: with the form to those who review it, to others as it stands."""
    reviews, refusal = may_review(request), ""
    review: Review | None = None
    if reviews:
        try:
            review = reserve(item=item, reviewer=request.user)
        except ReservedError as error:
            refusal = str(error)
            review = _late(request, item) if status == 422 else None
        item.refresh_from_db()
    outcome = outcome_of(item, request.user, is_reviewer=reviews)
    turns = review_turns(item, filled, outcome, request.user)
    context = {
        **page_context(request, item),
        "item": item,
        "review": review,
        "refusal": refusal,
        "may_review": reviews,
        "turns": turns,
        "flagged": [turn for turn in turns if turn.waiting_flags],
        "seen_flags": _seen(filled, turns),
        "seen_round": filled.seen_round or item.round,
        "conversation_rows": conversation_rows(filled),
        "conversation_judges": conversation_judges(item),
        "note": filled.data.get("note", ""),
        "outcome": outcome,
        "conversation_opinions": outcome.opinions.get(None, ()),
        "progress": progress_of(request.user) if reviews else None,
        "datasets": dataset_names(request.user),
        "dataset": filled.data.get("dataset", ""),
        "configs": PipelineConfig.objects.own().order_by("-is_default", "name", "-version"),
        "previous": request.session.get(LAST),
    }
    return render(request, PAGE, context, status=status)


def _late(request: HttpRequest, item: ReviewItem) -> Review | None:
    """Return an unsaved review for a form that has to come back though somebody else has the item by now: what is
    typed is not lost, and counts when it is saved. None for one who has decided."""
    decided = Review.objects.filter(item=item, round=item.round, reviewer=request.user.pk, decided_at__isnull=False)
    return None if decided.exists() else Review(item=item)


def page_context(request: HttpRequest, item: ReviewItem | None = None, title: str = "Review") -> dict[str, Any]:
    """Return what the admin's frame needs."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": ReviewItem._meta,
        "original": excerpt(str(item.conversation), 60) if item else None,
        "is_fullwidth": "1",
    }


def _seen(filled: Filled, turns: list[ReviewTurn]) -> str:
    """Return the flags that the page shows; a form that comes back keeps those that it was filled in by."""
    ids = filled.seen_flags or [flag.pk for turn in turns for flag in turn.waiting_flags]
    return ",".join(map(str, ids))

"""What is done with items of the queue beside deciding them: taking the next, holding on to one, opening one again."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.http import require_POST

from monitoring.admin.review_page import LAST, item_for, to_next
from monitoring.exceptions import ReservedError, ReviewError
from monitoring.reviewing.deciding import reopen
from monitoring.reviewing.opinions import REVIEWING
from monitoring.reviewing.reserving import reserve


@permission_required(REVIEWING, raise_exception=True)
@require_POST
def next_view(request: HttpRequest) -> HttpResponse:
    """Reserve the first item that is free, and open it."""
    request.session.pop(LAST, None)
    return to_next(request)


@permission_required(REVIEWING, raise_exception=True)
@require_POST
def keep_view(request: HttpRequest, item_id: int) -> HttpResponse:
    """Hold on to an item for another while: its reviewer is still typing."""
    try:
        review = reserve(item=item_for(item_id), reviewer=request.user)
    except ReservedError as error:
        return JsonResponse({"error": str(error)}, status=409)
    return JsonResponse({"reserved_until": review.reserved_until})


@permission_required(REVIEWING, raise_exception=True)
@require_POST
def reopen_view(request: HttpRequest, item_id: int) -> HttpResponse:
    """Put a finished item into the queue again, and begin to review it."""
    item = item_for(item_id)
    try:
        reopen(item=item, reviewer=request.user)
    except ReviewError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(item.get_absolute_url())

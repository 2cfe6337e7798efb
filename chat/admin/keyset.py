"""Long lists by time, page after page by where the last one ended (keyset), so that the thousandth page costs what the
first does: no row is read to be skipped, and none is counted beyond a bound.

A list can be sorted by another column as long as few enough rows match; then pages have numbers. A list that would take
too long, because no index serves its filters, is given up with a message: it would hold a connection that chats need.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR
from django.contrib.admin.views.main import PAGE_VAR as NUMBER_VAR
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.views import ChangeList

from chat.admin.chips import Chip, chips_of, url_without
from chat.admin.cursor import OLDEST, Cursor, read_cursor

PLACE_VAR = "page"
# Rows are counted up to here, and so many are sorted by other columns than the time.
MOST_COUNTED = 10_000
PAGE_SECONDS, COUNT_SECONDS = 8, 0.5
BY_TIME, BY_NUMBER = ("Newest", "Newer", "Older", "Oldest"), ("First", "Previous", "Next", "Last")

ESTIMATE_SQL = "SELECT reltuples::bigint FROM pg_class WHERE oid = %(table)s::regclass"
TIMEOUT_SQLSTATE = "57014"  # query_canceled


@dataclass(frozen=True, slots=True)
class Pages:
    """The addresses of other pages (empty: there is none), and what they are called."""

    first: str = ""
    previous: str = ""
    next: str = ""
    last: str = ""
    names: tuple[str, str, str, str] = BY_TIME

    template_name: ClassVar[str] = "admin/chat/_pages.html"


class KeysetChangeList(ChangeList):
    """A page of a list. Its admin class names the column of the time, `time_field`."""

    result_list: list[Any]
    chips: list[Chip]
    problems: list[str]
    count_text = ""
    _place = ""  # as it stands in the address
    _is_counted = True  # or the count was given up

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> QuerySet[Any]:
        """Return all that matches; nothing where a filter has a value that cannot be: all would be a wrong answer."""
        self._place = self.params.pop(PLACE_VAR, self._place)
        self.filter_params.pop(PLACE_VAR, None)
        rows = super().get_queryset(request, exclude_parameters)
        self.problems = [spec.problem for spec in self.filter_specs if getattr(spec, "problem", "")]
        return rows.none() if self.problems else rows

    def get_results(self, request: HttpRequest) -> None:
        self.chips = chips_of(self)
        found = self._count()
        if found is None and ORDER_VAR in self.params:
            messages.warning(request, self._give_up_sorting())
        try:
            with time_limit(PAGE_SECONDS):
                if found is not None and ORDER_VAR in self.params:
                    self.result_list, self.paginator = self._by_number(found)
                else:
                    self.result_list, self.paginator = self._by_time()
            if not self.paginator.previous and not self.paginator.next:  # then this is all
                found, self._is_counted = len(self.result_list), True
            self.count_text = "" if self.problems else self._in_words(found)
        except OperationalError as error:
            if not is_timeout(error):
                raise
            self.result_list, self.paginator = [], Pages()
            self.problems.append(
                f"This would take longer than {PAGE_SECONDS} seconds, so it was given up."
                " Choose a range of time, or fewer filters."
            )
        for problem in self.problems:
            messages.error(request, problem)
        # The theme's templates offer to mark all that match where these numbers differ: so not where there are more
        # than are counted.
        self.result_count = len(self.result_list) if found is None else found
        self.full_result_count = self.result_count
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True

    def _count(self) -> int | None:
        """Return how many rows match; None where there are more than are counted, or counting takes too long."""
        try:
            with time_limit(COUNT_SECONDS):
                found = self.queryset.order_by().values("pk")[: MOST_COUNTED + 1].count()
        except OperationalError as error:
            if not is_timeout(error):
                raise
            self._is_counted = False
            return None
        return found if found <= MOST_COUNTED else None

    def _in_words(self, found: int | None) -> str:
        """Say how many rows match: exactly, or at least, or for a whole table what the database's statistics say."""
        name = self.opts.verbose_name_plural
        if found is not None:
            return f"{found:,} {self.opts.verbose_name if found == 1 else name}"
        if not self._is_counted:
            return f"{name}, not counted: that would take long"
        if self.queryset.query.where:
            return f"more than {MOST_COUNTED:,} {name}"
        with connection.cursor() as cursor:
            cursor.execute(ESTIMATE_SQL, {"table": self.opts.db_table})
            estimate = max(cursor.fetchone()[0], MOST_COUNTED)
        return f"about {float(f'{estimate:.2g}'):,.0f} {name}"

    def _give_up_sorting(self) -> str:
        """Forget the order that was asked for; return what to say of it."""
        del self.params[ORDER_VAR]
        self.filter_params.pop(ORDER_VAR, None)
        return (
            f"More than {MOST_COUNTED:,} {self.opts.verbose_name_plural} match, too many to sort; here they are by"
            " time. Choose a range of time or other filters to sort what is left."
        )

    def _by_number(self, found: int) -> tuple[list[Any], Pages]:
        """Return a page in the order that was asked for, by its number: they are few."""
        size = self.list_per_page
        last = max(1, -(-found // size))
        number = min(max(1, self.page_num), last)
        first, previous, following, end = (
            self.get_query_string({NUMBER_VAR: page}) for page in (1, number - 1, number + 1, last)
        )
        if number == 1:
            first = previous = ""
        if number == last:
            following = end = ""
        rows = list(self.queryset[(number - 1) * size : number * size])
        return rows, Pages(first, previous, following, end, BY_NUMBER)

    def _by_time(self) -> tuple[list[Any], Pages]:
        """Return the page at the place that the address names, newest first."""
        field, size, listed = self.model_admin.time_field, self.list_per_page, url_without(self.filter_params, [])
        cursor = read_cursor(self._place, listed, self.model)
        rows = self.queryset.filter(cursor.condition(field)) if cursor else self.queryset
        if not cursor and self._place != OLDEST:  # of another list, or mistyped
            self._place = ""
        if self._place == OLDEST or (cursor and cursor.direction == "newer"):
            page = list(rows.order_by(field, "pk")[: size + 1])
            has_newer, has_older = len(page) > size, self._place != OLDEST
            page = page[:size][::-1]
        else:
            page = list(rows.order_by(f"-{field}", "-pk")[: size + 1])
            has_newer, has_older = cursor is not None, len(page) > size
            page = page[:size]
        if self._place and (not page or not has_newer):  # the first page, which has to be full
            self._place = ""
            return self._by_time()
        ends = [Cursor("newer", getattr(row, field), row.pk) for row in page[:1]]
        ends += [Cursor("older", getattr(row, field), row.pk) for row in page[-1:]]
        places = [cursor.text(listed) for cursor in ends] or ["", ""]
        newest, newer, older, oldest = (self.get_query_string({PLACE_VAR: place}) for place in (None, *places, OLDEST))
        before, after = (newest, newer) if has_newer else ("", ""), (older, oldest) if has_older else ("", "")
        return page, Pages(*before, *after)


class LongListAdmin:
    """For admin classes whose table grows with the traffic."""

    time_field = "created_at"
    show_facets = ShowFacets.NEVER  # they would count every row for every choice of every filter
    list_before_template = "admin/chat/_chips.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if ERROR_FLAG in request.GET:  # Django sends here whoever asked for what the list cannot do
            messages.error(
                request, "The address asked for a filter or a value that this list does not have. This is all of it."
            )
        response: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc] # of ModelAdmin
        return response


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Give up statements of the block that take longer: OperationalError, of which `is_timeout` is true."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
        yield
        cursor.execute("SET LOCAL statement_timeout TO DEFAULT")


def is_timeout(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == TIMEOUT_SQLSTATE

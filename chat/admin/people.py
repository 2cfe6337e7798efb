"""Users and groups. A group says what its members may do; "Staff status" of the user opens the admin to them. The users
of synthetic traffic are no people: the list leaves them out unless it is asked for them."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, QuerySet
from django.forms import Field as FormField
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from chat.models.people import MADE_UP, NOBODY
from chat.templatetags.admin_values import NOTHING

STAFF_HELP = "Opens the administration to this user. Members of reviewer and operator need it too."
GROUPS_HELP = (
    "reviewer: reads conversations, turns, feedback, documents, datasets, evaluation runs and scores, and reviews"
    " answers. operator: reads that, manages documents, collections, pipeline configs, prices, budgets, datasets and"
    " judge rules, and starts, cancels and resumes evaluation runs. Both need staff status as well."
)


class MadeUpUsers(RadioFilter):
    """Whether users of demo data, other synthetic traffic and imports are listed: not unless chosen."""

    title = "demo, synthetic and imported users"
    parameter_name = "made_up"
    all_option = ("", "Left out")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("with", "Listed too"), ("only", "Only these")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        match self.value():
            case "with":
                return queryset
            case "only":
                return queryset.filter(NOBODY)
        return queryset.exclude(NOBODY)


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg] # the theme's class is not generic
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "group_names", "is_staff", "is_active", "last_login", "date_joined")
    list_filter = (MadeUpUsers, *DjangoUserAdmin.list_filter)
    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False  # it would count the made-up ones
    list_before_template = "admin/auth/user/made_up.html"
    ordering = ("username",)
    filter_horizontal = ()
    # Without permissions of a single user: what somebody may do is what their groups say.
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request)
        return users.prefetch_related("groups")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        made_up = {
            "made_up_count": User.objects.filter(NOBODY).count(),
            "imported_count": User.objects.filter(NOBODY).exclude(MADE_UP).count(),
            "made_up_shown": request.GET.get(MadeUpUsers.parameter_name, ""),
        }
        response: HttpResponse = super().changelist_view(request, {**made_up, **(extra_context or {})})
        return response

    @display(description="Groups")
    def group_names(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or NOTHING

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> FormField | None:
        field: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.help_text = {"is_staff": STAFF_HELP, "groups": GROUPS_HELP}.get(db_field.name, field.help_text)
        return field


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    list_display = ("name", "member_count")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        return groups.annotate(user_number=Count("user"))

    @display(description="Members", ordering="user_number")
    def member_count(self, group: Any) -> int:
        return group.user_number

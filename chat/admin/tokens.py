"""API tokens of all users: for superusers, or whom they give the permission. The secret is not stored, so it cannot be
shown."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import action, display

from chat.admin.base import RecordAdmin
from chat.models import ApiToken
from chat.services.tokens import revoke_token
from chat.templatetags.admin_values import NOTHING

STATES = {"in use": "success", "expired": "warning", "revoked": "danger", "account closed": "warning"}


class State(RadioFilter):
    """Whether a token opens the API."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("usable", "Opens the API"), ("closed", "Opens nothing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        match self.value():
            case "usable":
                return queryset.filter(pk__in=ApiToken.objects.usable())
            case "closed":
                return queryset.exclude(pk__in=ApiToken.objects.usable())
        return queryset


@admin.register(ApiToken)
class ApiTokenAdmin(RecordAdmin):
    """Read and revoke: a token is made by its user."""

    list_display = ("name", "user", "state", "may", "beginning_shown", "created_at", "used", "expires")
    list_display_links = ("name",)
    list_filter = (State,)
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "beginning")
    search_help_text = "Searches names, users, and how the secret begins"
    ordering = ("-created_at",)
    actions = ("revoke",)
    fields = (("name", "user"), ("may", "beginning_shown"), ("created_at", "used"), ("expires", "revoked_at"))
    readonly_fields = ("may", "beginning_shown", "used", "expires")

    @display(description="State", label=STATES)
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "revoked"
        if not token.is_usable:
            return "expired"
        return "in use" if token.user.is_active else "account closed"

    @display(description="May")
    def may(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @display(description="Secret begins")
    def beginning_shown(self, token: ApiToken) -> str:
        return f"{token.beginning}…"

    @display(description="Last used", ordering="last_used_at")
    def used(self, token: ApiToken) -> Any:
        return token.last_used_at or "never"

    @display(description="Expires", ordering="expires_at")
    def expires(self, token: ApiToken) -> Any:
        return token.expires_at or NOTHING

    @action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        chosen = list(queryset.filter(revoked_at=None))
        for token in chosen:
            revoke_token(token=token)
            self.log_change(request, token, "Revoked.")
        if chosen:
            names = ", ".join(str(token) for token in chosen)
            messages.success(request, f"Revoked: {names}. Programs that use them are refused from now on.")
        else:
            messages.warning(request, "These are revoked already.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("chat.change_apitoken"))

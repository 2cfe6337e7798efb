"""API tokens of all users: for superusers, or whom they give the permission. The secret is not stored, so that it is
shown once, by the page that answers the form."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import action, display

from chat.admin.base import RecordAdmin
from chat.admin.token_form import TokenForm
from chat.models import ApiToken
from chat.services.tokens import make_token, revoke_token
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
    """Read and revoke, and make one for any account: the last for superusers alone, since whoever makes a token for
    somebody can do what that one may."""

    list_display = ("name", "user", "state", "may", "beginning_shown", "created_at", "used", "expires")
    list_display_links = ("name",)
    list_filter = (State,)
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "beginning")
    search_help_text = "Searches names, users, and how the secret begins"
    ordering = ("-created_at",)
    actions = ("revoke",)
    autocomplete_fields = ("user",)
    fields = (("name", "user"), ("may", "beginning_shown"), ("created_at", "used"), ("expires", "revoked_at"))
    readonly_fields = ("may", "beginning_shown", "used", "expires")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **(kwargs if obj else kwargs | {"form": TokenForm}))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("user", "name", "scopes", "expires_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Let the service make it; the response shows its secret."""
        made, secret = make_token(**form.cleaned_data)
        obj.pk, obj.beginning, obj.created_at = made.pk, made.beginning, made.created_at
        obj.secret_shown_once = secret  # type: ignore[attr-defined] # for response_add alone

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "title": "API token", "opts": self.opts, "original": obj}
        context = {**frame, "token": obj, "secret": obj.secret_shown_once}
        return render(request, "admin/chat/apitoken/secret.html", context)

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

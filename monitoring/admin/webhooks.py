"""Webhooks: the list with the health of each, the form, the secret (shown once), and the test button."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from chat.admin.base import OwnPages, PageAdmin
from monitoring.admin import webhook_changes
from monitoring.admin.webhook_form import WebhookForm
from monitoring.models import Webhook
from monitoring.models.webhooks import TEST_EVENT
from monitoring.webhooks.managing import change_webhook, delete_webhook, make_webhook

STATES = {"on": "success", "failing": "danger", "switched itself off": "danger", "off": "warning"}
FOLDER = "admin/monitoring/webhook"


def state_of(webhook: Webhook) -> str:
    """Return the health of a webhook in a word or two, of STATES."""
    if webhook.paused_at:
        return "switched itself off"
    if not webhook.is_active:
        return "off"
    return "failing" if webhook.failing_since else "on"


@admin.register(Webhook)
class WebhookAdmin(PageAdmin):
    form = WebhookForm
    list_display = ("name", "state", "told_of", "took_last", "waits", "gave_up")
    list_display_links = ("name",)
    list_filter = (("is_active", BooleanRadioFilter),)
    search_fields = ("name", "url")
    search_help_text = "Searches names and addresses"
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": (("name", "is_active"), "url", "events")}),
        ("Traffic and texts", {"fields": ("origins", "with_text")}),
    )
    change_form_outer_before_template = f"{FOLDER}/state.html"
    view_on_site = False

    class Media:
        css = {"all": ["ragsite/evaluation.css", "ragsite/webhooks.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return Webhook.objects.with_counts()

    @display(description="State", label=STATES, ordering="is_active")
    def state(self, webhook: Webhook) -> str:
        return state_of(webhook)

    @display(description="Told of")
    def told_of(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events[:3]) + (f" and {len(webhook.events) - 3} more" if webhook.events[3:] else "")

    @display(description="Last took something", ordering="delivered_at")
    def took_last(self, webhook: Webhook) -> Any:
        return webhook.delivered_at or "never"

    @display(description="Waiting", ordering="waiting")
    def waits(self, webhook: Any) -> str:
        return f"{webhook.waiting:,}"

    @display(description="Failed for good", ordering="failed")
    def gave_up(self, webhook: Any) -> str:
        return f"{webhook.failed:,}"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: there are few, and one that is deleted takes its log along."""
        return {}

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        delete_webhook(webhook=obj)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """A webhook goes with its log, which nobody may delete alone."""
        webhooks = list(objs)
        logged = sum(webhook.deliveries.count() for webhook in webhooks)
        counts = {"webhooks": len(webhooks), "deliveries": logged}
        return [str(webhook) for webhook in webhooks], counts, set(), []

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {**(extra_context or {}), "add_url": reverse("admin:monitoring_webhook_add")}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        """Let the service write it; the secret of a new one is shown by the response."""
        if change:
            change_webhook(webhook=obj, **form.plain_fields())
            return
        made, secret = make_webhook(by=request.user, **form.plain_fields())
        obj.pk = made.pk
        obj.secret_shown_once = secret  # type: ignore[attr-defined] # for response_add alone

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        title = f"“{obj}” is made"
        context = {**webhook_changes.page_context(request, title, obj), "secret": obj.secret_shown_once}
        return render(request, f"{FOLDER}/secret.html", context)

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        webhook = self.get_object(request, object_id) if object_id else None
        return _around(request, webhook) if isinstance(webhook, Webhook) else {}

    def own_pages(self) -> OwnPages:
        return {
            "<int:webhook_id>/test/": ("test", webhook_changes.test_view),
            "<int:webhook_id>/secret/": ("secret", webhook_changes.secret_view),
            "<int:webhook_id>/on/": ("on", webhook_changes.on_view),
        }


def _around(request: HttpRequest, webhook: Webhook) -> dict[str, Any]:
    """Return what stands above the fields of a webhook's page."""
    asked = request.GET.get("test", "")
    tests = webhook.deliveries.filter(event=TEST_EVENT)
    state = state_of(webhook)
    return {
        "webhook": webhook,
        "state": state,
        "state_kind": STATES[state],
        "tested": tests.filter(pk=asked).first() if asked.isdecimal() and len(asked) < 19 else None,
        "newest": list(webhook.deliveries.all()[:5]),
        "may_change": request.user.has_perm("monitoring.change_webhook"),
    }

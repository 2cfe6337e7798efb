"""The log of deliveries: what was sent, what came back, and sending again. Nothing of it can be changed."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from chat.admin.base import OwnPages, RecordAdmin, link
from chat.templatetags.admin_values import NOTHING, seconds
from monitoring.admin.webhook_changes import again_view
from monitoring.exceptions import WebhookError
from monitoring.models import WebhookDelivery
from monitoring.models.webhooks import TEST_EVENT, Event
from monitoring.webhooks.managing import send_again

STATES = {"waiting": "info", "delivered": "success", "failed": "danger"}


class EventFilter(DropdownFilter):
    """Deliveries of one event."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((event.value, event.value) for event in Event), (TEST_EVENT, TEST_EVENT)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(RecordAdmin):
    list_display = ("event", "to", "state", "answer", "tries", "created_at", "next_at")
    list_display_links = ("event",)
    list_filter = (("status", ChoicesDropdownFilter), EventFilter, ("webhook", RelatedDropdownFilter))
    search_fields = ("event_id",)
    search_help_text = "Searches ids of events, as in the header webhook-id"
    list_select_related = ("webhook",)
    ordering = ("-created_at",)
    actions = ("send_chosen_again",)
    fields = (
        ("event", "to", "state"),
        ("event_id", "created_at"),
        ("tries", "attempted_at", "next_at"),
        ("answer", "error"),
        "sent",
        "said",
    )
    readonly_fields = ("to", "state", "tries", "answer", "sent", "said")
    change_form_outer_before_template = "admin/monitoring/webhookdelivery/again.html"

    class Media:
        css = {"all": ["ragsite/evaluation.css", "ragsite/webhooks.css"]}

    @display(description="Webhook", ordering="webhook__name")
    def to(self, delivery: WebhookDelivery) -> SafeString:
        return link(delivery.webhook.get_absolute_url(), delivery.webhook.name)

    @display(description="State", label=STATES, ordering="status")
    def state(self, delivery: WebhookDelivery) -> str:
        return str(delivery.get_status_display())

    @display(description="Last response")
    def answer(self, delivery: WebhookDelivery) -> str:
        if delivery.attempted_at is None:
            return NOTHING
        said = str(delivery.response_status) if delivery.response_status else "none"
        return f"{said} in {seconds(delivery.seconds)}"

    @display(description="Attempts", ordering="attempts")
    def tries(self, delivery: WebhookDelivery) -> str:
        return str(delivery.attempts)

    @display(description="Payload, without texts")
    def sent(self, delivery: WebhookDelivery) -> SafeString:
        payload = {name: delivery.payload[name] for name in ("type", "timestamp", "data")}
        return format_html('<pre class="wh-code">{}</pre>', json.dumps(payload, indent=2, ensure_ascii=False))

    @display(description="The response began")
    def said(self, delivery: WebhookDelivery) -> SafeString | str:
        return (
            format_html('<pre class="wh-code">{}</pre>', delivery.response_text) if delivery.response_text else NOTHING
        )

    @action(description="Send again", permissions=["resend"])
    def send_chosen_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        sent, refused = 0, ""
        for delivery in queryset:
            try:
                send_again(delivery=delivery)
            except WebhookError as error:
                refused = str(error)
            else:
                self.log_change(request, delivery, "Sent again.")
                sent += 1
        if sent:
            messages.success(request, f"{sent} {'is' if sent == 1 else 'are'} sent again within a minute.")
        if refused:
            messages.warning(request, refused)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("monitoring.change_webhookdelivery"))

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        return {"may_send_again": self.has_resend_permission(request)}

    def own_pages(self) -> OwnPages:
        return {"<int:delivery_id>/again/": ("again", again_view)}

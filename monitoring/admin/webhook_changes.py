"""What people do with a webhook: test it, give it a new secret, switch it on again. All is in the admin's history."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from monitoring.exceptions import WebhookError
from monitoring.models import Webhook, WebhookDelivery
from monitoring.webhooks.managing import change_webhook, rotate_secret, send_again, send_test

MAY = "monitoring.change_webhook"


@permission_required(MAY, raise_exception=True)
@require_POST
def test_view(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Send a test at once, and show what came back."""
    webhook = get_object_or_404(Webhook, pk=webhook_id)
    try:
        delivery = send_test(webhook=webhook, by=request.user)
    except WebhookError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(webhook.get_absolute_url())
    note(request.user, webhook, "Sent a test.")
    return HttpResponseRedirect(f"{webhook.get_absolute_url()}?test={delivery.pk}")


@permission_required(MAY, raise_exception=True)
@require_POST
@never_cache
def secret_view(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Give a webhook a new secret and show it, this once."""
    webhook = get_object_or_404(Webhook, pk=webhook_id)
    secret = rotate_secret(webhook=webhook)
    note(request.user, webhook, "Made a new secret.")
    context = {**page_context(request, f"The new secret of “{webhook}”", webhook), "secret": secret, "is_rotated": True}
    return render(request, "admin/monitoring/webhook/secret.html", context)


@permission_required(MAY, raise_exception=True)
@require_POST
def on_view(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Switch a webhook on again; what waits is sent."""
    webhook = get_object_or_404(Webhook, pk=webhook_id)
    try:
        change_webhook(webhook=webhook, is_active=True)
    except WebhookError as error:
        messages.error(request, str(error))
    else:
        note(request.user, webhook, "Switched on.")
        messages.success(request, f"“{webhook}” is on. What waited is sent within a minute.")
    return HttpResponseRedirect(webhook.get_absolute_url())


@permission_required("monitoring.change_webhookdelivery", raise_exception=True)
@require_POST
def again_view(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Send a delivery once more."""
    delivery = get_object_or_404(WebhookDelivery.objects.select_related("webhook"), pk=delivery_id)
    try:
        send_again(delivery=delivery)
    except WebhookError as error:
        messages.error(request, str(error))
    else:
        note(request.user, delivery, "Sent again.")
        on = "" if delivery.webhook.is_active else " once its webhook is on"
        messages.success(request, f"It is sent again{on or ' within a minute'}.")
    return HttpResponseRedirect(reverse("admin:monitoring_webhookdelivery_change", args=[delivery.pk]))


def page_context(request: HttpRequest, title: str, webhook: Webhook) -> dict[str, Any]:
    """Return what the admin's frame needs."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": Webhook._meta,
        "original": webhook,
        "webhook": webhook,
    }


def note(user: Any, row: Webhook | WebhookDelivery, text: str) -> None:
    """Write what somebody did into the admin's history."""
    LogEntry.objects.log_actions(user.pk, [row], CHANGE, change_message=text, single_object=True)

"""API tokens of the user: the list, a new one with its secret shown once, and revoking."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from chat.exceptions import ChatError
from chat.models import ApiToken
from chat.models.api import Scope
from chat.services.tokens import make_token, revoke_token
from chat.views.sidebar import sidebar

LIFETIMES = {"30": "30 days", "90": "90 days", "365": "A year", "": "It does not expire"}
# Of those that open nothing any more: who looks for one that was stolen wants to see when it was used.
CLOSED_SHOWN = 20


class TokenForm(forms.Form):
    """What a new token is made of."""

    name = forms.CharField(label="Name", max_length=100, help_text="What it is for, such as the program that uses it.")
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one thing that it may do."},
    )
    days = forms.ChoiceField(label="Expires after", choices=list(LIFETIMES.items()), required=False)

    def service_arguments(self) -> dict[str, Any]:
        """Return the arguments for `make_token`, but for the user."""
        data = self.cleaned_data
        expires_at = timezone.now() + timedelta(days=int(data["days"])) if data["days"] else None
        return {"name": data["name"], "scopes": data["scopes"], "expires_at": expires_at}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """List the user's tokens; make one. Its secret stands on the page that answers the form and nowhere else, so that
    this page is no redirect."""
    form = TokenForm(request.POST or None, initial={"scopes": [Scope.CHAT, Scope.READ], "days": "90"})
    made, secret = None, ""
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = make_token(user=request.user, **form.service_arguments())
            form = TokenForm(initial=form.initial)
        except ChatError as error:
            form.add_error(None, str(error))
    own = list(ApiToken.objects.filter(user=request.user.pk))
    context = {
        "form": form,
        "made": made,
        "secret": secret,
        "usable": [token for token in own if token.is_usable],
        "closed": [token for token in own if not token.is_usable][:CLOSED_SHOWN],
        "sidebar": sidebar(request),
    }
    return render(request, "chat/tokens.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Ask whether a token is to be revoked; revoke it."""
    token = get_object_or_404(ApiToken, pk=token_id, user=request.user.pk)
    if request.method != "POST":
        return render(request, "chat/revoke_token.html", {"token": token})
    revoke_token(token=token)
    messages.success(request, f"“{token.name}” is revoked: it opens nothing any more.")
    return redirect("chat:tokens")

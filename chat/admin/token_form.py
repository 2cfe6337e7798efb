"""The form by which a superuser makes a token for any account, such as that of a program nobody signs in as."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from chat.models import ApiToken
from chat.models.api import Scope


class TokenForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable at run time
    """What a new token is made of."""

    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=Scope.choices,
        initial=[Scope.CHAT, Scope.READ],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="It never allows more than the account itself may do.",
    )

    class Meta:
        model = ApiToken
        fields = ["user", "name", "scopes", "expires_at"]
        help_texts = {"expires_at": "Empty: it does not expire."}

    def clean_expires_at(self) -> datetime | None:
        """Refuse a time that has passed."""
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError("It would have expired already; choose a later time, or none.")
        return expires_at

    def clean_user(self) -> Any:
        """Refuse an account that is closed: its tokens open nothing."""
        user = self.cleaned_data["user"]
        if not user.is_active:
            raise forms.ValidationError("This account is closed; a token of it would open nothing.")
        return user

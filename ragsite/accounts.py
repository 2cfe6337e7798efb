"""Who may make an account: the switch RAGSITE_SIGNUP closes the sign-up form; single sign-on stays open, because there
the identity provider decides. It never opens an account that is there already: neither side proves that the address
belongs to the same person, so its owner signs in as before and connects the two."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import filter_users_by_email
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthError
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render

from ragsite.single_sign_on import failure_page


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Sign-up by form."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNUP_OPEN)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Sign-up by OpenID Connect."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Return True; raise the page that says so where the e-mail address has an account already."""
        for address in sociallogin.email_addresses:
            if filter_users_by_email(address.email):
                page = render(request, "single_sign_on_taken.html", {"email": address.email}, status=409)
                raise ImmediateHttpResponse(page)
        return True

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: object,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Raise the page that says it in words."""
        raise ImmediateHttpResponse(failure_page(request, exception, denied=error == AuthError.CANCELLED))

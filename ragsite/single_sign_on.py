"""Sign-in by OpenID Connect: allauth's two views, with what they leave out. The identity token's signature is checked
even though it came straight from the provider, and a provider that is down or answers nonsense is a page in words with
a way back, not an error 500."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect import views
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

logger = logging.getLogger(__name__)

CLOCK_SKEW_SECONDS = 60
# Signed with the client's secret, where the provider has no key pair (OpenID Connect Core 1.0, 10.1).
SECRET_ALGORITHMS = ("HS256", "HS384", "HS512")
KEY_PAIR_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class VerifyingAdapter(views.OpenIDConnectOAuth2Adapter):  # type: ignore[misc] # allauth has no types
    """allauth's adapter, which trusts the connection and does not look at signatures."""

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Return the person the provider vouches for.

        Raises OAuth2Error for a token that is not this provider's or not for this site, RequestException when the
        provider does not answer.
        """
        subject = self._verified_subject(app, kwargs["response"].get("id_token", ""))
        login = super().complete_login(request, app, token, **kwargs)
        # What userinfo says counts only for the person of the token (OpenID Connect Core 1.0, 5.3.2).
        if login.account.uid != subject:
            raise OAuth2Error("userinfo is about somebody else than the id_token")
        for address in login.email_addresses:
            # Some providers send "true", "false" or null, and "false" is true to Python.
            address.verified = str(address.verified).lower() == "true"
        return login

    def _verified_subject(self, app: SocialApp, id_token: str) -> str:
        try:
            algorithm = jwt.get_unverified_header(id_token)["alg"]
            in_secret = algorithm in SECRET_ALGORITHMS
            claims = jwt.decode(
                id_token,
                key=app.secret if in_secret else self._public_key(id_token),
                algorithms=SECRET_ALGORITHMS if in_secret else KEY_PAIR_ALGORITHMS,
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                leeway=CLOCK_SKEW_SECONDS,
                options={"require": ["sub", "iss", "aud", "exp"]},
            )
        except jwt.PyJWTError as exc:
            raise OAuth2Error(f"the id_token is not valid: {exc}") from exc
        return str(claims["sub"])

    def _public_key(self, id_token: str) -> jwt.PyJWK:
        """Return the provider's key that the token names; where it names none, the first."""
        with get_adapter().get_requests_session() as session:
            response = session.get(self.openid_config["jwks_uri"])
            response.raise_for_status()
        key_id = jwt.get_unverified_header(id_token).get("kid")
        for key in jwt.PyJWKSet.from_dict(response.json()).keys:
            if key_id in (None, key.key_id):
                return key
        raise OAuth2Error(f'the provider has no key "{key_id}"')


def sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the identity provider (POST), or ask first (GET)."""
    return _in_words(request, lambda: views.login(request, provider_id))


def come_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in whom the identity provider sent back."""
    view = OAuth2CallbackView.adapter_view(VerifyingAdapter(request, provider_id))
    return _in_words(request, lambda: view(request))


def _in_words(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return view()
    except SocialApp.DoesNotExist as exc:
        raise Http404 from exc
    except (RequestException, KeyError) as exc:  # KeyError: the provider's description of itself lacks an address
        return failure_page(request, exc)


def failure_page(request: HttpRequest, exception: Exception | None, *, denied: bool = False) -> HttpResponse:
    """Return the page that says why nobody was signed in; the details go to the log."""
    again = "Sign in with your password or try again."
    if denied:
        title, status = "You were not let in", HTTPStatus.FORBIDDEN
        text = f"The identity provider denied access, or you cancelled there. {again}"
    elif isinstance(exception, RequestException):
        title, status = "Single sign-on does not answer", HTTPStatus.SERVICE_UNAVAILABLE
        text = f"Single sign-on does not answer at the moment: {_trouble(exception)}. {again}"
    elif exception is None:
        title, status = "Single sign-on was not completed", HTTPStatus.BAD_REQUEST
        text = f"The sign-in was interrupted, took too long or was begun in another window. {again}"
    else:
        title, status = "Single sign-on did not work", HTTPStatus.BAD_GATEWAY
        text = (
            f"The identity provider's answer cannot be trusted or is incomplete, so nobody was signed in. {again}"
            " If it stays, tell your administrator: the log says what is wrong with it."
        )
    if status != HTTPStatus.FORBIDDEN:
        # Cut, because a provider's whole answer can be in it.
        logger.warning("single sign-on failed: %s: %s", type(exception).__name__, str(exception)[:300])
    return render(request, "single_sign_on_failed.html", {"title": title, "text": text}, status=status)


def _trouble(exception: RequestException) -> str:
    if exception.response is not None and not exception.response.ok:
        return f"the identity provider answers with error {exception.response.status_code}"
    if exception.response is not None or isinstance(exception, ValueError):
        return "the identity provider's answer cannot be read"
    return "the identity provider cannot be reached"

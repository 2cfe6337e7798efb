"""The Content-Security-Policy of a page. The chat has the strict one of the settings; the admin's theme evaluates
expressions in attributes (Alpine) and sets styles in the page, so that policy is wider, below the admin's address only.
Both load from this site alone. Where single sign-on is set up, the pages of accounts may also send their forms to the
identity provider: its button is a form whose answer redirects there, which Chromium counts as sending it there."""

from urllib.parse import urlsplit

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

ADMIN_UPDATE = {
    "script-src": ["'unsafe-eval'", "'unsafe-inline'"],
    "style-src": ["'unsafe-inline'"],
}
ACCOUNTS = "/accounts/"  # as mounted in ragsite/urls.py


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """Send the policy that belongs to the page."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path_info.startswith(reverse("admin:index")):
            parts.update = {**(parts.update or {}), **ADMIN_UPDATE}
        if settings.OIDC_SERVER_URL and not report_only and request.path_info.startswith(ACCOUNTS):
            provider = urlsplit(settings.OIDC_SERVER_URL)
            parts.update = {**(parts.update or {}), "form-action": [f"{provider.scheme}://{provider.netloc}"]}
        return parts

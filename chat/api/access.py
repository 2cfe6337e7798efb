"""Who may do what by the API: each operation names the scope that a token needs, and the permission that its user
needs, as the same thing needs it in the pages. A browser that is signed in has all scopes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chat.models import ApiToken
from chat.models.api import Scope


@dataclass(frozen=True, slots=True)
class Access:
    """What an operation asks for. `permission`: such as "monitoring.view_flag"; empty: whoever is signed in may.
    `also`: further scopes, of which a token may have one instead; the limit is that of `scope`."""

    scope: Scope
    permission: str = ""
    also: tuple[Scope, ...] = ()

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Those of which a token needs one."""
        return (self.scope, *self.also)


class HasAccess(BasePermission):
    """Holds a request against `view.access`, by method. A view without an entry for a method lets nobody in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user  # a model of the settings' choice
        if not user.is_authenticated:
            return False
        access = access_of(view, request.method or "")
        token = request.auth
        if isinstance(token, ApiToken) and not set(access.scopes) & set(token.scopes):
            needed = " or ".join(f'"{scope}"' for scope in access.scopes)
            raise PermissionDenied(
                f"This token lacks the scope {needed}; it has {', '.join(token.scopes)}.", code="scope_missing"
            )
        if access.permission and not user.has_perm(access.permission):
            raise PermissionDenied(f'You lack the permission "{access.permission}".', code="permission_missing")
        return True


def access_of(view: Any, method: str) -> Access:
    """Return what a method of a view asks for. Raises MethodNotAllowed where it has none, so that nothing is open that
    does not say so."""
    allowed: Mapping[str, Access] = view.access
    access = allowed.get("GET" if method == "HEAD" else method)
    if access is None:
        raise MethodNotAllowed(method)
    return access

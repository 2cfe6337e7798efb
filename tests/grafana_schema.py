"""A dashboard's JSON held against the schema of Grafana's dashboards.

Grafana states it in CUE, of which the classes of grafana-foundation-sdk are made: their fields are the schema's keys,
their annotations its types. Reading a dashboard into them drops a key that the schema does not have, so what comes out
again must equal what went in; and each value must be of the type that its field is annotated with.
"""

import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

Missing = type("Missing", (), {})


def problems(document: dict[str, Any]) -> list[str]:
    """Return what is wrong, in words; nothing for a dashboard that Grafana's schema allows."""
    register_default_plugins()
    board = Dashboard.from_json(document)
    read = json.loads(json.dumps(board, cls=JSONEncoder))
    return [*_differences(document, read, "board"), *_wrong_types(board, Dashboard, "board")]


def _differences(given: Any, read: Any, path: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(read, dict):
        for key in given.keys() | read.keys():
            yield from _differences(given.get(key, Missing), read.get(key, Missing), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for number, (one, other) in enumerate(zip(given, read, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif given != read:
        yield f"{path}: {given!r} is read as {read!r}"


def _is_alike(value: Any, wanted: Any) -> bool:
    """Whether it is at least a list where a list is wanted, or an object of the class."""
    kind = typing.get_origin(wanted) or wanted
    return isinstance(kind, type) and isinstance(value, kind)


def _wrong_types(value: Any, wanted: Any, path: str) -> Iterator[str]:
    """Of SDK objects each attribute, of lists and dicts each value. Where any object is allowed, such as the options
    of a panel, an object of the SDK is held against its own class."""
    if wanted in (Any, object):
        if not hasattr(value, "to_json"):
            return
        wanted = type(value)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        alike = [argument for argument in arguments if _is_alike(value, argument)]
        found = [list(_wrong_types(value, argument, path)) for argument in alike or arguments]
        if all(found):
            yield from min(found, key=len)
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is none of {arguments}"
    elif origin in (list, dict) and not isinstance(value, origin):
        yield f"{path}: {value!r} is no {origin.__name__}"
    elif origin is list:
        for number, item in enumerate(value):
            yield from _wrong_types(item, arguments[0], f"{path}[{number}]")
    elif origin is dict:
        for key, item in value.items():
            yield from _wrong_types(item, arguments[1], f"{path}.{key}")
    elif wanted in (float, int):
        if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else int):
            yield f"{path}: {value!r} is no {wanted.__name__}"
    elif isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        if value not in list(wanted):
            yield f"{path}: {value!r} is none of {list(wanted)}"
    elif not isinstance(value, wanted):
        yield f"{path}: {value!r} is no {wanted.__name__}"
    elif hasattr(value, "to_json"):
        for name, hint in typing.get_type_hints(type(value)).items():
            if hasattr(value, name):
                yield from _wrong_types(getattr(value, name), hint, f"{path}.{name}")

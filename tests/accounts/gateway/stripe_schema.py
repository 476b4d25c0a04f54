"""JSON schemas of the gateway's API, read from the official library.

The library's parameter and object classes are generated from the API's public OpenAPI description and carry its version, so
the schemas always belong to the version we pin. They are stricter than the description where that finds more: only listed
values of an enumeration, and no properties beyond the known ones, are valid.
"""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, ClassVar, Final, Literal, NotRequired, Union, get_args, get_origin

import jsonschema
import stripe
import typing_extensions
from stripe import params
from stripe._request_options import RequestOptions
from stripe._stripe_object import StripeObject, UntypedStripeObject

RESOURCES: Final = (
    stripe.Charge,
    stripe.Customer,
    stripe.ErrorObject,
    stripe.Event,
    stripe.Mandate,
    stripe.PaymentIntent,
    stripe.PaymentMethod,
    stripe.Refund,
    stripe.SetupIntent,
)
"""What is looked into; any other object of the API that turns up inside one of these is just some object."""
_SCALARS: Final = {int: "integer", str: "string", bool: "boolean", float: "number", NoneType: "null"}
_OPTIONS: Final = frozenset(RequestOptions.__annotations__)
"""Per-request options of the library, which never reach the body."""

UNIONS: Final = (Union, UnionType)
Schema = dict[str, Any]


def of_params(kind: type) -> Schema:
    """The body or query of a request."""
    hints = _hints(kind)
    return {
        "type": "object",
        "properties": {name: _schema(_bare(hint)) for name, hint in hints.items()},
        "required": [name for name, hint in hints.items() if not _is_optional_key(hint)],
        "additionalProperties": False,
    }


@cache
def validator_of(kind: type) -> jsonschema.Draft202012Validator:
    """A validator of one of the API's objects."""
    return jsonschema.Draft202012Validator(_of_object(kind))


def check_object(values: Mapping[str, Any]) -> None:
    """Raise jsonschema.ValidationError unless this is the API object it says it is, or a list or event of such."""
    if values["object"] == "list":
        assert set(values) == {"object", "data", "has_more", "url"}
        for item in values["data"]:
            check_object(item)
        return
    kind = next(kind for kind in RESOURCES if getattr(kind, "OBJECT_NAME", "") == values["object"])
    validator_of(kind).validate(values)
    if kind is stripe.Event:
        check_object(values["data"]["object"])


def check_error(values: Mapping[str, Any]) -> None:
    """Raise jsonschema.ValidationError unless this is the API's form of an error."""
    assert set(values) == {"error"}
    validator_of(stripe.ErrorObject).validate(values["error"])


@cache
def _of_object(kind: type) -> Schema:
    hints = _hints(kind)
    unset = kind is stripe.ErrorObject  # an error names only what it is about
    return {
        "type": "object",
        "properties": {name: _schema(hint) for name, hint in hints.items()},
        "required": [name for name, hint in hints.items() if not unset and not _is_nullable(hint)],
        "additionalProperties": False,
    }


class _Names(dict[str, Any]):
    """What the library's classes call each other; it loads them on demand."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        # A few are imported under another name; those are not looked into anyway.
        return getattr(stripe, name, None) or getattr(params, name, StripeObject)


def _hints(kind: type) -> dict[str, Any]:
    own = {
        name: hint
        for name, hint in kind.__annotations__.items()
        if name not in _OPTIONS and get_origin(hint) is not ClassVar
    }
    names = _Names(vars(sys.modules[kind.__module__]))
    return typing_extensions.get_type_hints(
        SimpleNamespace(__annotations__=own), {}, names, include_extras=True
    )


def _schema(hint: Any) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    if origin in (Literal, typing_extensions.Literal):
        return {"enum": list(arguments)}
    if origin in UNIONS:
        return {"anyOf": [_schema(argument) for argument in _closed(arguments)]}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is stripe.ListObject:
        return {"type": "object"}
    if origin in (dict, UntypedStripeObject):
        return {"type": "object", "additionalProperties": _schema(arguments[-1])}
    if inspect.isclass(hint) and typing_extensions.is_typeddict(hint):
        return of_params(hint)
    if inspect.isclass(hint) and issubclass(hint, StripeObject):
        nested = "." in hint.__qualname__
        return _of_object(hint) if nested else _reference(hint)
    assert hint is Any, f"no schema for {hint}"
    return {}


def _reference(kind: type) -> Schema:
    """Objects that may be sent along are checked on their own: some contain each other."""
    name = getattr(kind, "OBJECT_NAME", None)
    return {"type": "object", "properties": {"object": {"const": name}}} if name else {"type": "object"}


def _closed(arguments: tuple[Any, ...]) -> list[Any]:
    """`Literal[…] | str` leaves an enumeration open for later versions; ours has only today's values."""
    listed = any(get_origin(argument) in (Literal, typing_extensions.Literal) for argument in arguments)
    values = [
        value for argument in arguments if get_origin(argument) is Literal for value in get_args(argument)
    ]
    return [argument for argument in arguments if not (listed and values != [""] and argument is str)]


def _is_optional_key(hint: Any) -> bool:
    return get_origin(hint) in (NotRequired, typing_extensions.NotRequired)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if _is_optional_key(hint) else hint


def _is_nullable(hint: Any) -> bool:
    return get_origin(hint) in UNIONS and NoneType in get_args(hint)

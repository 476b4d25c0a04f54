"""The API's operations by method and path."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from citizencard.sandbox import mandates, payments, refunds
from citizencard.sandbox.store import Object, Refused, Store

_PATH: Final = re.compile(r"/v1/(?P<place>[a-z_]+)(?:/(?P<id>\w+))?(?:/(?P<verb>[a-z]+))?")

_CREATE: Final[dict[str, Callable[[Store, Object], Object]]] = {
    "customers": mandates.create_customer,
    "payment_intents": payments.create,
    "refunds": refunds.create,
    "setup_intents": mandates.create,
}
_ACT: Final[dict[tuple[str, str], Callable[[Store, str, Object], Object]]] = {
    ("payment_intents", "confirm"): payments.confirm,
    ("payment_intents", "cancel"): lambda store, id_, _asked: payments.cancel(store, id_),
    ("setup_intents", "confirm"): mandates.confirm,
    ("setup_intents", "cancel"): lambda store, id_, _asked: mandates.cancel(store, id_),
}
_RETRIEVE: Final = {
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "refunds": "refund",
    "setup_intents": "setup_intent",
}
_LIST: Final = {"payment_intents": "customer", "refunds": "payment_intent"}
"""What can be listed, and the field it can be filtered by."""


def answer(store: Store, method: str, path: str, asked: Object) -> Object:
    """Carry one request out. Raises Refused."""
    match = _PATH.fullmatch(path)
    place, id_, verb = match.groups() if match else ("", None, None)
    if not match or place not in _CREATE | _RETRIEVE:
        raise Refused(404, "invalid_request_error", "resource_missing", "Unrecognized request URL.")
    match method, id_, verb:
        case "POST", None, None if place in _CREATE:
            found = _CREATE[place](store, asked)
        case "POST", str(), str() if (place, verb) in _ACT:
            found = _ACT[place, verb](store, id_, asked)
        case "GET", str(), None if place in _RETRIEVE:
            found = store.get(_RETRIEVE[place], id_)
        case "GET", None, None if place in _LIST:
            return _page(store, place, asked)
        case _:
            raise Refused(405, "invalid_request_error", "", "Method not allowed.")
    return _expanded(store, found, asked.get("expand", []))


def _page(store: Store, place: str, asked: Object) -> Object:
    found, more = store.page(_RETRIEVE[place], asked, by=_LIST[place])
    paths = [str(path).removeprefix("data.") for path in asked.get("expand", [])]
    data = [_expanded(store, item, paths) for item in found]
    return {"object": "list", "data": data, "has_more": more, "url": f"/v1/{place}"}


def _expanded(store: Store, thing: Object, paths: list[Any]) -> Object:
    """With the objects themselves where only their ids stood."""
    return thing | {path: store.find(thing[path]) or thing[path] for path in paths if thing.get(path)}

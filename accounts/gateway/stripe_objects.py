"""The API's objects read into the port's: JSON in, dataclasses out.

Raises one of UNREADABLE for anything that is not such an object; the caller knows what that means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from accounts.gateway.port import (
    GatewayRefund,
    MandateSetup,
    MandateStatus,
    Payment,
    PaymentStatus,
    RefundStatus,
    SignedEvent,
    Subject,
)

Values = Mapping[str, Any]
UNREADABLE: Final = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    OSError,
    RecursionError,
)
"""What reading something that is no such object ends in."""
TEXT_MAX: Final = 255

_PAYMENT: Final = {"succeeded": PaymentStatus.SUCCEEDED, "canceled": PaymentStatus.CANCELED}
_REFUND: Final = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELED,
}
_SETUP: Final = {"succeeded": MandateStatus.ACTIVE, "canceled": MandateStatus.ENDED}
_MANDATE: Final = {"active": MandateStatus.ACTIVE, "inactive": MandateStatus.ENDED}


def payment(values: Values) -> Payment:
    """A payment intent; what was refunded is known when its charge is expanded."""
    charge = values.get("latest_charge")
    failure = values.get("last_payment_error") or {}
    return Payment(
        id=_text(values, "id"),
        status=_PAYMENT.get(values["status"], PaymentStatus.PENDING),
        amount_fen=_integer(values, "amount"),
        currency=_text(values, "currency"),
        order_number=_metadata(values, "order_number"),
        created_at=_time(values),
        refunded_fen=_integer(charge, "amount_refunded") if isinstance(charge, Mapping) else 0,
        decline_code=str(failure.get("decline_code") or failure.get("code") or ""),
        client_secret=str(values.get("client_secret") or ""),
    )


def refund(values: Values) -> GatewayRefund:
    """A refund; one that waits for the payer (`requires_action`) is pending."""
    return GatewayRefund(
        id=_text(values, "id"),
        payment_id=_id(values.get("payment_intent")),
        amount_fen=_integer(values, "amount"),
        currency=_text(values, "currency"),
        status=_REFUND.get(values["status"], RefundStatus.PENDING),
        key=_metadata(values, "refund_key"),
        created_at=_time(values),
        failure=str(values.get("failure_reason") or ""),
    )


def setup(values: Values) -> MandateSetup:
    """A setup intent; bank and digits are known when its payment method is expanded."""
    method = values.get("payment_method")
    details = method[method["type"]] if isinstance(method, Mapping) else {}
    return MandateSetup(
        id=_text(values, "id"),
        status=_SETUP.get(values["status"], MandateStatus.PENDING),
        reference=_metadata(values, "reference"),
        method=_id(method),
        mandate=_id(values.get("mandate")),
        bank_name=str(details.get("bank_name") or details.get("brand") or ""),
        last4=str(details.get("last4") or ""),
        funding=str(details.get("funding") or ""),
        client_secret=str(values.get("client_secret") or ""),
    )


def mandate(values: Values) -> MandateSetup:
    """A mandate by itself, as call-backs report it: known by its id, not by the setup it came from."""
    return MandateSetup(
        id="",
        status=_MANDATE.get(values["status"], MandateStatus.PENDING),
        method=_id(values.get("payment_method")),
        mandate=_text(values, "id"),
    )


_READERS: Final[dict[str, Callable[[Values], Subject]]] = {
    "payment_intent": payment,
    "refund": refund,
    "setup_intent": setup,
    "mandate": mandate,
}


def event(body: bytes) -> SignedEvent:
    """An event and what it is about. Its digest leaves out how many deliveries are pending: only that varies."""
    values = json.loads(body)
    said = {name: value for name, value in values.items() if name != "pending_webhooks"}
    thing = values["data"]["object"]
    read = _READERS.get(_text(thing, "object"))
    return SignedEvent(
        id=_text(values, "id"),
        kind=_text(values, "type"),
        object_id=_storable(thing.get("id")),
        digest=hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest(),
        subject=read(thing) if read else None,
    )


def _text(values: Values, name: str) -> str:
    value = values[name]
    if not value:
        raise ValueError(f"{name} is empty")
    return _storable(value)


def _storable(value: Any) -> str:
    """A short text that a database column takes; empty for nothing. NUL and lone surrogates are no text."""
    text = "" if value is None else value
    if not isinstance(text, str) or len(text) > TEXT_MAX or not (text.isascii() and text.isprintable()):
        raise TypeError("not a short text")
    return text


def _integer(values: Values, name: str) -> int:
    value = values[name]
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise TypeError(f"{name} is an integer")
    return value


def _time(values: Values) -> datetime:
    return datetime.fromtimestamp(_integer(values, "created"), UTC)


def _metadata(values: Values, name: str) -> str:
    return _storable((values.get("metadata") or {}).get(name))


def _id(link: Any) -> str:
    """The id behind a link, whether the object itself was sent along or not."""
    return _storable(link["id"] if isinstance(link, Mapping) else link)

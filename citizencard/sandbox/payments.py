"""Payment intents and their charges."""

from __future__ import annotations

import secrets
from typing import Any, Final, NamedTuple, NoReturn

from citizencard.sandbox.store import Object, Refused, Store, integer, new

FINAL: Final = ("succeeded", "canceled")


class Method(NamedTuple):
    """A way to pay that always behaves the same; the ids are those of the API's own test methods where it has one."""

    kind: str
    decline: str = ""
    refund: str = "succeeds"


METHODS: Final = {
    "pm_alipay": Method("alipay"),
    "pm_wechat_pay": Method("wechat_pay"),
    "pm_card_visa": Method("card"),
    "pm_card_chargeDeclined": Method("card", decline="generic_decline"),
    "pm_card_refundFail": Method("card", refund="fails"),
    "pm_card_pendingRefund": Method("card", refund="waits"),
}
CARD: Final = {"exp_month": 12, "exp_year": 2034}
DECLINING_DIGITS: Final = {"9995": "insufficient_funds", "0002": "generic_decline"}
"""Cards under a mandate decline by their last four digits."""


def create(store: Store, asked: Object) -> Object:
    """A new payment, paid at once when `confirm` says so. Raises Refused: 400 invalid, 402 declined."""
    intent = _parse(asked)
    paying = asked.get("confirm") == "true"
    if paying:
        _method(store, asked)  # nothing is made of a request that is refused as invalid
    store.emit("payment_intent.created", store.put(intent))
    return confirm(store, intent["id"], asked) if paying else intent


def confirm(store: Store, intent_id: str, asked: Object) -> Object:
    """Pay. Raises Refused: 402 declined (may be tried again), 400 already final or no mandate."""
    intent = _open(store, intent_id)
    method_id, method = _method(store, asked)
    if method.decline:
        _decline(store, intent, method)
    charge = store.put(_charge(intent, method_id, method.kind))
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "payment_method": method_id,
        "latest_charge": charge["id"],
        "last_payment_error": None,
    }
    store.emit("payment_intent.succeeded", store.put(intent))
    store.emit("charge.succeeded", charge)
    return intent


def cancel(store: Store, intent_id: str) -> Object:
    """Give the payment up. Raises Refused (400) when it is final."""
    intent = _open(store, intent_id) | {"status": "canceled"}
    store.emit("payment_intent.canceled", store.put(intent))
    return intent


def _open(store: Store, intent_id: str) -> Object:
    intent = store.get("payment_intent", intent_id)
    if intent["status"] in FINAL:
        words = f"This PaymentIntent is {intent['status']}."
        raise Refused(400, "invalid_request_error", "payment_intent_unexpected_state", words)
    return intent


def _method(store: Store, asked: Object) -> tuple[str, Method]:
    method_id = str(asked.get("payment_method", ""))
    return method_id, METHODS.get(method_id) or _attached(store, method_id, asked)


def _attached(store: Store, method_id: str, asked: Object) -> Method:
    """A card its holder agreed to have debited, while that is still so."""
    method = store.get("payment_method", method_id)
    mandate = store.get("mandate", str(asked.get("mandate", "")))
    allowed = mandate["status"] == "active" and mandate["payment_method"] == method_id
    if not allowed or method["customer"] != asked.get("customer"):
        words = "The provided mandate is invalid."
        raise Refused(400, "invalid_request_error", "payment_intent_mandate_invalid", words)
    return Method("card", decline=DECLINING_DIGITS.get(method["card"]["last4"], ""))


def _decline(store: Store, intent: Object, method: Method) -> NoReturn:
    words = "Your card was declined."
    refusal = Refused(402, "card_error", "card_declined", words, decline_code=method.decline)
    store.put(intent | {"status": "requires_payment_method", "last_payment_error": refusal.error})
    store.emit("payment_intent.payment_failed", store.get("payment_intent", intent["id"]))
    raise refusal


def _parse(asked: Object) -> Object:
    amount, currency = integer(asked, "amount"), asked.get("currency", "")
    if amount < 1:
        words = "This value must be greater than or equal to 1."
        raise Refused(400, "invalid_request_error", "amount_too_small", words, param="amount")
    if len(currency) != 3:
        words = "Missing required param: currency."
        raise Refused(400, "invalid_request_error", "parameter_missing", words, param="currency")
    intent = new("payment_intent", "pi")
    return intent | {
        "livemode": False,
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": f"{intent['id']}_secret_{secrets.token_hex(12)}",
        "confirmation_method": "automatic",
        "currency": currency.lower(),
        "customer": asked.get("customer"),
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": asked.get("metadata", {}),
        "payment_method": None,
        "payment_method_types": asked.get("allowed_payment_method_types", ["card"]),
        "status": "requires_payment_method",
    }


def _charge(intent: Object, method_id: str, kind: str) -> Object:
    details: dict[str, Any] = {"type": kind, kind: CARD if kind == "card" else {}}
    return new("charge", "ch") | {
        "livemode": False,
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "billing_details": {},
        "captured": True,
        "currency": intent["currency"],
        "disputed": False,
        "metadata": intent["metadata"],
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method_id,
        "payment_method_details": details,
        "refunded": False,
        "status": "succeeded",
    }

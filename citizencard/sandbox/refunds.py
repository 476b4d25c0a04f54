"""Refunds: most succeed at once; by the test method that was paid with, some wait first and some fail in the end."""

from __future__ import annotations

from typing import Final

from citizencard.sandbox.payments import METHODS
from citizencard.sandbox.store import Object, Refused, Store, integer, new

SETTLES_AFTER_S: Final = 0.5
"""How long a waiting refund waits, and how soon a failing one fails; days, at a real gateway."""


def create(store: Store, asked: Object) -> Object:
    """Pay back part or all of a payment. Raises Refused (400) for more than is left of it."""
    intent = store.get("payment_intent", str(asked.get("payment_intent", "")))
    charge = store.find(intent["latest_charge"] or "")
    left = charge["amount"] - charge["amount_refunded"] if charge else 0
    amount = integer(asked, "amount", left)
    if charge is None or not 0 < amount <= left:
        words = f"Refund amount is greater than unrefunded amount on charge ({left})."
        raise Refused(400, "invalid_request_error", "" if left else "charge_already_refunded", words)
    method = METHODS.get(str(intent["payment_method"]))
    fate = method.refund if method else "succeeds"
    refund = new("refund", "re") | {
        "amount": amount,
        "charge": charge["id"],
        "currency": intent["currency"],
        "metadata": asked.get("metadata", {}),
        "payment_intent": intent["id"],
        "reason": asked.get("reason"),
        "status": "pending" if fate == "waits" else "succeeded",
    }
    _count(store, charge, amount)
    store.emit("refund.created", store.put(refund))
    if fate != "succeeds":
        store.later("refund", refund["id"], after_s=SETTLES_AFTER_S)
    return refund


def settle(store: Store, refund_id: str) -> None:
    """What becomes of a refund after a while: the waiting one succeeds, the other comes back from the bank."""
    refund = store.get("refund", refund_id)
    if refund["status"] == "pending":
        store.emit("refund.updated", store.put(refund | {"status": "succeeded"}))
        return
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    charge = store.get("charge", refund["charge"])
    _count(store, charge, -refund["amount"])
    for kind in ("refund.updated", "refund.failed"):
        store.emit(kind, store.put(refund))


def _count(store: Store, charge: Object, amount: int) -> None:
    refunded = charge["amount_refunded"] + amount
    charge |= {"amount_refunded": refunded, "refunded": refunded == charge["amount"]}
    store.emit("charge.refunded" if amount > 0 else "charge.updated", store.put(charge))

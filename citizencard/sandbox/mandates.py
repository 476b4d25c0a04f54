"""Setup intents: how a payer agrees, on a page of the gateway's, to be debited later; and how the consent ends."""

from __future__ import annotations

import secrets
import time
from typing import Final

from citizencard.sandbox.payments import CARD
from citizencard.sandbox.store import Object, Refused, Store, new, new_id

CARDS: Final = {
    "pm_card_unionpay": ("0005", "debit"),
    "pm_card_unionpay_empty": ("9995", "debit"),
    "pm_card_unionpay_credit": ("1117", "credit"),
}
"""Test cards, their last four digits and funding: one always pays, one's account is empty, one is a credit card."""


def create_customer(store: Store, asked: Object) -> Object:
    """Somebody who can own payment methods."""
    return store.put(new("customer", "cus") | {"livemode": False, "metadata": asked.get("metadata", {})})


def create(store: Store, asked: Object) -> Object:
    """Ask for a consent. Raises Refused (404) for an unknown customer."""
    store.get("customer", str(asked.get("customer", "")))
    setup = new("setup_intent", "seti")
    setup |= {
        "livemode": False,
        "client_secret": f"{setup['id']}_secret_{secrets.token_hex(12)}",
        "customer": asked["customer"],
        "mandate": None,
        "metadata": asked.get("metadata", {}),
        "payment_method": None,
        "payment_method_types": asked.get("allowed_payment_method_types", ["card"]),
        "status": "requires_payment_method",
        "usage": asked.get("usage", "off_session"),
    }
    store.emit("setup_intent.created", store.put(setup))
    return setup


def confirm(store: Store, setup_id: str, asked: Object) -> Object:
    """The payer agrees, with one of the test cards. Raises Refused (400) when it is too late or no such card."""
    setup = _open(store, setup_id)
    card = CARDS.get(str(asked.get("payment_method", "")))
    if card is None:
        raise Refused(400, "invalid_request_error", "resource_missing", "No such payment method.")
    method = store.put(_card(setup["customer"], *card))
    mandate = store.put(_mandate(method["id"]))
    setup |= {"status": "succeeded", "payment_method": method["id"], "mandate": mandate["id"]}
    store.emit("setup_intent.succeeded", store.put(setup))
    return setup


def cancel(store: Store, setup_id: str) -> Object:
    """The payer, or whoever asked, gives it up. Raises Refused (400) when it is final."""
    setup = _open(store, setup_id) | {"status": "canceled"}
    store.emit("setup_intent.canceled", store.put(setup))
    return setup


def withdraw(store: Store, setup_id: str) -> Object:
    """The payer takes an agreed consent back at the bank; repeating it changes nothing."""
    setup = store.get("setup_intent", setup_id)
    mandate = store.find(setup["mandate"] or "")
    if mandate and mandate["status"] == "active":
        store.emit("mandate.updated", store.put(mandate | {"status": "inactive"}))
    return setup


def _open(store: Store, setup_id: str) -> Object:
    setup = store.get("setup_intent", setup_id)
    if setup["status"] in ("succeeded", "canceled"):
        words = f"This SetupIntent is {setup['status']}."
        raise Refused(400, "invalid_request_error", "setup_intent_unexpected_state", words)
    return setup


def _card(customer: str, digits: str, funding: str) -> Object:
    return new("payment_method", "pm") | {
        "livemode": False,
        "billing_details": {},
        "card": {
            "brand": "unionpay",
            "country": "CN",
            "funding": funding,
            "last4": digits,
            **CARD,
        },
        "customer": customer,
        "metadata": {},
        "type": "card",
    }


def _mandate(method_id: str) -> Object:
    return {
        "id": new_id("mandate"),
        "object": "mandate",
        "livemode": False,
        "customer_acceptance": {"accepted_at": int(time.time()), "type": "online", "online": {}},
        "multi_use": {},
        "payment_method": method_id,
        "payment_method_details": {"type": "card", "card": {}},
        "status": "active",
        "type": "multi_use",
    }

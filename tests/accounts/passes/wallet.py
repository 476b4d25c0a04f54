"""Cards with an account purse, for passes bought and rides paid online."""

from __future__ import annotations

from accounts.models import Card, Purse, Transfer
from accounts.services.ledger import Leg, open_account, post_journal
from tests.factories import NOON, make_card, make_product


def make_wallet() -> Card:
    """An active card of a product of its own, which has an account purse."""
    return make_card(
        product=make_product(code="wallet", price_fen=0, deposit_fen=0, account_limit_fen=100_000)
    )


def fill_account(card: Card, amount_fen: int) -> None:
    """Put money into the account purse, from the drawer."""
    purse = Purse.objects.get(card=card, kind=Purse.Kind.ACCOUNT)
    cash = open_account(chart="1011").pk
    leg = Leg(cash, purse.account_id, amount_fen, Transfer.Kind.CARD_SALE, -card.pk, NOON)
    post_journal(key=f"test-wallet:{card.pk}", kind="test", actor="test", source=card.pan, legs=[leg])

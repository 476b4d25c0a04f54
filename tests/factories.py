"""Plain functions that make what a test needs, through the services, as the city would."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from typing import Any

from stdnum.cn import ric

from accounts.models import Card, CardProduct, Chart, Citizen, Consent, IdentityDocument, TopUpOrder, Transfer
from accounts.services import cards, citizens, topup
from accounts.services.ledger import Leg, open_account, post_journal
from citizencard.core.calendar import SHANGHAI

CLERK = "clerk"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=SHANGHAI)
"""When things happen in tests: on the day that the `open_day` fixture opens."""

_people = itertools.count(1)
_fillings = itertools.count(1)


def make_product(*, real_name: bool = False, **changes: Any) -> CardProduct:
    """The citizen card (real-name, 5,000 yuan) or the anonymous card (1,000 yuan, sold for 10 and 10 deposit)."""
    defaults: dict[str, Any] = (
        {"code": "citizen", "name": "市民卡", "balance_limit_fen": 500_000, "validity_years": 10}
        if real_name
        else {
            "code": "anonymous",
            "name": "不记名通用卡",
            "balance_limit_fen": 100_000,
            "price_fen": 1_000,
            "deposit_fen": 1_000,
            "validity_years": 5,
        }
    )
    values = {"real_name": real_name, "kind_code": 1} | defaults | changes
    code = values.pop("code")
    return CardProduct.objects.update_or_create(code=code, defaults=values)[0]


def document_number() -> str:
    """A well-formed resident identity number that nobody was given (county 350501), new on each call."""
    running = next(_people)
    head = f"350501{1950 + running // 1000 % 50}0101{running % 1000:03d}"
    return head + ric.calc_check_digit(head + "0")


def make_citizen(*, consent: bool = True, **changes: Any) -> Citizen:
    """A registered citizen, with consent to the card unless told otherwise. Needs the key service."""
    values = {
        "name": "林美玲",
        "document_kind": IdentityDocument.Kind.RESIDENT_ID,
        "document_number": document_number(),
        "phone": "13859700001",
        "actor": CLERK,
    }
    citizen = citizens.register_citizen(**(values | changes))
    if consent:
        citizens.give_consent(citizen=citizen, purpose=Consent.Purpose.CARD, actor=CLERK)
    return citizen


def make_card(
    *, product: CardProduct | None = None, citizen: Citizen | None = None, state: str = Card.State.ACTIVE
) -> Card:
    """A card in `state`, walked there step by step; anonymous and active unless told otherwise.

    The walk needs an open business day from the issue on, because the sale is booked.
    """
    product = product or make_product(real_name=citizen is not None)
    card = cards.order_card(product=product, citizen=citizen, actor=CLERK, valid_from=date(2026, 3, 1))
    steps = {
        Card.State.PERSONALISED: lambda: cards.mark_personalised(card=card, actor=CLERK),
        Card.State.ISSUED: lambda: cards.issue_card(card=card, actor=CLERK, occurred_at=NOON),
        Card.State.ACTIVE: lambda: cards.activate_card(card=card, actor=CLERK),
        Card.State.LOST: lambda: cards.mark_lost(card=card, actor=CLERK, reason="test", occurred_at=NOON),
        Card.State.REFUNDING: lambda: cards.block_for_refund(
            card=card, actor=CLERK, reason="test", occurred_at=NOON
        ),
    }
    for reached, step in steps.items():
        if card.state == state:
            break
        if state == Card.State.CLOSED:
            return cards.close_card(card=card, actor=CLERK, reason="test", occurred_at=NOON)
        if state == Card.State.SUSPENDED and card.state == Card.State.ACTIVE:
            return cards.suspend_card(card=card, actor=CLERK, reason="test", occurred_at=NOON)
        if state == Card.State.REPLACED and card.state == Card.State.ACTIVE:
            return cards.mark_replaced(card=card, actor=CLERK, reason="test", occurred_at=NOON)
        card = step()
        assert card.state == reached
    return card


def fill_purse(card: Card, amount_fen: int) -> None:
    """Value on a card's purse by a posting of its own, where the way it got there does not matter."""
    running = next(_fillings)
    cash = open_account(chart=Chart.COUNTER_CASH)
    leg = Leg(cash.pk, card.purse.account_id, amount_fen, Transfer.Kind.CARD_SALE, -running, NOON)
    post_journal(key=f"test-fill:{running}", kind="test", actor="test", source=card.pan, legs=[leg])


def make_order(*, card: Card | None = None, amount_fen: int = 5_000, **changes: Any) -> TopUpOrder:
    """A top-up order: 50 yuan in cash unless told otherwise."""
    values: dict[str, Any] = {
        "channel": TopUpOrder.Channel.CASH,
        "actor": CLERK,
        "occurred_at": NOON,
    } | changes
    return topup.order_topup(card=card or make_card(), amount_fen=amount_fen, **values)

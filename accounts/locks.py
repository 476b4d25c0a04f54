"""Every row lock of this app. Order, so that no two callers wait for each other: gateway message, application for a card, citizen,
family link, subsidy batch, card, disputed charge, alert, refund, mandate, order, gateway refund, agent, pass, hold, purse, ledger
account, card in stock.

All of them end with the caller's transaction. They are NO KEY locks: the check of a foreign key never waits for them. A second
update of a row in one transaction makes that check again, and would want the card when it has the order already.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.models import (
    Agent,
    Card,
    Citizen,
    Compensation,
    DisputedCharge,
    FamilyLink,
    GatewayRefund,
    Hold,
    LedgerAccount,
    Mandate,
    Pass,
    Purse,
    Refund,
    RiskAlert,
    StockItem,
    SubsidyBatch,
    SubsidyLine,
    TopUpDifference,
    TopUpOrder,
)


def lock_gateway_event(event_id: str) -> None:
    """One message of the payment gateway, which need not have a row yet: the same one sent twice is taken in turn."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"gateway-event:{event_id}"])


def lock_citizen(pk: UUID) -> Citizen:
    """The citizen's row, held against a second card order for the same person."""
    return Citizen.objects.select_for_update(no_key=True).get(pk=pk)


def lock_card(pk: int) -> Card:
    """The card's row as it is now; only the life-cycle services change it."""
    return Card.objects.select_for_update(of=("self",), no_key=True).select_related("product").get(pk=pk)


def lock_alert(pk: int) -> RiskAlert:
    """The alert's row as it is now, with its card and parameters: two people do not both review it."""
    return (
        RiskAlert.objects.select_for_update(of=("self",), no_key=True)
        .select_related("card", "parameters")
        .get(pk=pk)
    )


def lock_compensation(pk: int) -> Compensation:
    """The note's row as it is now, with its card: it is paid once."""
    return Compensation.objects.select_for_update(of=("self",), no_key=True).select_related("card").get(pk=pk)


def lock_disputed_charge(pk: int) -> DisputedCharge:
    """The row as it is now, after its card's: a charge is granted or refused once, and its credit comes back once."""
    charges = DisputedCharge.objects.select_for_update(of=("self",), no_key=True)
    return charges.select_related("order__purse__account").get(pk=pk)


def lock_refund(pk: int) -> Refund:
    """The refund's row as it is now, with its policy; its parts change under this lock only."""
    return Refund.objects.select_for_update(of=("self",), no_key=True).select_related("policy").get(pk=pk)


def lock_mandate(pk: int) -> Mandate:
    """The mandate's row as it is now, with its purse and card: it is not stopped while something is collected."""
    return (
        Mandate.objects.select_for_update(of=("self",), no_key=True).select_related("purse__card").get(pk=pk)
    )


def lock_live_mandates(card_id: int) -> list[Mandate]:
    """The mandates of a card that are not stopped."""
    live = (
        Mandate.objects.select_for_update(of=("self",), no_key=True)
        .select_related("purse__card")
        .order_by("pk")
    )
    return list(live.filter(purse__card_id=card_id).exclude(state=Mandate.State.STOPPED))


def lock_family_link(pk: int) -> FamilyLink:
    """The link's row as it is now: nobody leaves the family while the payer tops up."""
    return FamilyLink.objects.select_for_update(no_key=True).get(pk=pk)


def lock_subsidy_batch(pk: int) -> SubsidyBatch:
    """The batch's row as it is now, with its payer."""
    return (
        SubsidyBatch.objects.select_for_update(of=("self",), no_key=True).select_related("payer").get(pk=pk)
    )


def lock_subsidy_cards(batch_id: int) -> None:
    """Every card of a subsidy batch: they stay active and keep their room while the batch is posted."""
    purses = SubsidyLine.objects.filter(batch_id=batch_id).values("purse_id")
    cards = Card.objects.select_for_update(of=("self",), no_key=True).filter(purses__in=purses).order_by("pk")
    list(cards.values_list("pk", flat=True))


def lock_order(pk: int) -> TopUpOrder:
    """The order's row as it is now, with its card, product and purse."""
    orders = TopUpOrder.objects.select_for_update(of=("self",), no_key=True).select_related(
        "card__product", "purse"
    )
    return orders.get(pk=pk)


def lock_gateway_refund(pk: int) -> GatewayRefund:
    """The refund's row as it is now, with its order, which is locked first."""
    return (
        GatewayRefund.objects.select_for_update(of=("self",), no_key=True).select_related("order").get(pk=pk)
    )


def lock_difference(pk: int) -> TopUpDifference:
    """The difference's row as it is now: two people do not both close it."""
    return TopUpDifference.objects.select_for_update().get(pk=pk)


def lock_agent(code: str) -> Agent | None:
    """The agent's row as it is now: what it owes grows under this lock only."""
    return Agent.objects.select_for_update(no_key=True).filter(pk=code).first()


def lock_pass(pk: int) -> Pass:
    """The pass's row with its product: nobody rides on it, and time takes nothing of it, until the transaction ends."""
    return Pass.objects.select_for_update(of=("self",), no_key=True).select_related("product").get(pk=pk)


def lock_hold(pk: int) -> Hold:
    """The hold's row as it is now, with its purse, which is locked after it."""
    return Hold.objects.select_for_update(of=("self",), no_key=True).select_related("purse").get(pk=pk)


def lock_due_holds(now: datetime, count: int) -> list[int]:
    """The ids of up to `count` holds whose time is over; those that somebody is just ending are left to them."""
    due = Hold.objects.filter(state=Hold.State.RESERVED, expires_at__lte=now).order_by("pk")
    return list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:count])


def lock_purse(card_id: int, kind: str = Purse.Kind.CHIP) -> Purse:
    """A card's purse, the one on its chip unless told otherwise: its balance stands still until the transaction ends."""
    return Purse.objects.select_for_update(no_key=True).get(card_id=card_id, kind=kind)


def lock_purses(card_id: int) -> list[Purse]:
    """All purses of a card, in the order in which postings lock them."""
    return list(Purse.objects.select_for_update(no_key=True).filter(card_id=card_id).order_by("account_id"))


def lock_account(pk: int) -> LedgerAccount:
    """The ledger account's row, after the purse it stands for: whoever holds a purse can rely on its account's state."""
    Purse.objects.select_for_update(no_key=True).filter(account_id=pk).first()
    return LedgerAccount.objects.select_for_update(no_key=True).get(pk=pk)


def lock_stock_items(items: QuerySet[StockItem]) -> list[int]:
    """The keys of cards in stock that somebody is about to move, in order: two people do not move the same card."""
    rows = items.select_for_update(of=("self",), no_key=True).order_by("pk")
    return list(rows.values_list("pk", flat=True))

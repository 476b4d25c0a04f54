"""A purse runs low, and its mandate is collected."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from accounts import tasks
from accounts.models import Mandate, MandateCollection, Notice, TopUpOrder
from accounts.services import mandates
from tests.accounts.mandates.asking import ask_for_mandate, make_purse
from tests.chaos.gateway import Gateway
from tests.chaos.stories.story import Story, differences, purse_fen

AMOUNT_FEN = 5_000


def agreed(gateway: Gateway) -> Mandate:
    """A mandate that its citizen has agreed to at the bank, on an empty purse."""
    mandate = ask_for_mandate(make_purse())
    mandates.start_mandate(mandate=mandate)
    mandate.refresh_from_db()
    gateway.page(f"/mandate/{mandate.setup_id}", do="agree", method="pm_card_unionpay")
    return mandates.confirm_mandate(mandate=mandate, now=timezone.now())


def collect(gateway: Gateway, mandate: Mandate) -> None:
    """The task runs, and the gateway calls back."""
    tasks.collect_mandates()
    gateway.call_back(*_debits(gateway, mandate))


def collected(gateway: Gateway, mandate: Mandate) -> list[str]:
    """Debited once, credited once, told once."""
    debits = [(debit["amount"], debit["status"]) for debit in _debits(gateway, mandate)]
    told = Notice.objects.filter(citizen_id=mandate.citizen_id, code=Notice.Code.MANDATE_COLLECTED)
    return differences(
        purse=(purse_fen(mandate.purse), AMOUNT_FEN),
        debits=(debits, [(AMOUNT_FEN, "succeeded")]),
        collections=(list(_collections(mandate).values_list("state", flat=True)), ["collected"]),
        told=(told.count(), 1),
    )


def _collections(mandate: Mandate) -> QuerySet[MandateCollection]:
    return MandateCollection.objects.filter(mandate=mandate)


def _debits(gateway: Gateway, mandate: Mandate) -> list[dict[str, object]]:
    orders = TopUpOrder.objects.filter(purse=mandate.purse).values_list("number", flat=True)
    return [debit for number in orders for debit in gateway.of("payment_intent", number)]


STORIES = (Story("collection on a mandate", agreed, collect, collect, collected),)

"""Two people approve at the same time, while a rule decides as well: one of them does, and the money moves once."""

from __future__ import annotations

import pytest

from accounts.models import Transfer
from citizencard.core.calendar import open_business_day
from citizencard.core.errors import AlreadyDecided
from citizencard.core.keyservice.keystore import KeyStore
from terminals.errors import HeldDecided
from terminals.models import HeldResolution, Tap
from terminals.selectors.invariants import broken
from terminals.services.held import approve_proposal, propose_purchase, settle_in_time
from tests.accounts.threads import in_threads
from tests.factories import fill_purse, make_card
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field
from tests.terminals.held.held_city import LATER, held, publish_terms

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_of_many_decides(transactional_db: None, demo_keys: KeyStore) -> None:
    open_business_day(TODAY)
    publish_terms()
    card = make_card()
    fill_purse(card, 1_000)
    tap = held(Field.install(demo_keys), card, Tap.Outcome.OVER_PRICE, 300)
    proposal = propose_purchase(tap_id=tap.id, paid_fen=200, actor="anna", reason="tariff")

    def decide(number: int) -> object:
        if number == 0:
            return settle_in_time(now=LATER)
        return approve_proposal(proposal=proposal, actor=f"checker {number}").checker

    found = in_threads(5, decide, HeldDecided, AlreadyDecided)
    done = HeldResolution.objects.get()
    moved = Transfer.objects.filter(kind__in=[Transfer.Kind.HELD_PAID, Transfer.Kind.HELD_RETURNED])
    assert sum(moved.values_list("amount_fen", flat=True)) == 300
    if done.rule == "decided":
        assert (found[0], len(set(found[1:]))) == (0, 1)
    else:
        assert found[0] == 1
        assert all(isinstance(each, AlreadyDecided) for each in found[1:])
    assert broken() == []

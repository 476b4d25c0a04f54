"""The tellers of the storm: what they do is theirs alone, so that every refusal of it says something about the system."""

from __future__ import annotations

import itertools

import pytest
from django.utils import timezone

from accounts.models import Purse
from accounts.services.ledger import open_account
from accounts.services.payments import account_purse
from citizencard.core.calendar import open_business_day
from tests.accounts.purses import filling
from tests.chaos.storm import Gauge
from tests.chaos.teller import Teller
from tests.factories import make_card, make_product

TURNS = 30
FILLING_FEN = 10_000


class Shift(Gauge):
    """Closing time comes after so many acknowledgements."""

    def count(self, client: int) -> None:
        super().count(client)
        if self.total >= TURNS:
            self.close()


@pytest.mark.django_db
@pytest.mark.parametrize("number", [0, 1])
def test_no_event_of_a_teller_is_the_filling_of_its_purse(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_fillings", itertools.count(1))
    open_business_day(timezone.localdate())
    purse = account_purse(make_card(product=make_product(code="bank", account_limit_fen=100 * FILLING_FEN)))
    for _ in range(TURNS):
        filling.fill(purse, FILLING_FEN)
    teller = Teller([purse], open_account(chart="2202", owner="shop").pk, open_account(chart="1011").pk)

    promises = teller(number, Shift())

    assert not promises.refused
    assert Purse.objects.get(pk=purse.pk).balance_fen == TURNS * FILLING_FEN + promises.fen[purse.pk]

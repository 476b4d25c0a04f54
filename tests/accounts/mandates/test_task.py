"""The background task: open requests first, then what is due, so that one run is enough."""

from __future__ import annotations

import pytest

from accounts.services import mandates
from accounts.tasks import collect_mandates
from tests.accounts.mandates.asking import ask_for_mandate, make_purse
from tests.accounts.mandates.bank import Bank

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


def test_a_request_agreed_to_since_the_last_run_is_collected_on(bank: Bank) -> None:
    mandate = ask_for_mandate(make_purse())
    mandates.start_mandate(mandate=mandate)
    bank.agree(f"seti_{mandate.reference}")
    assert [collect_mandates(), collect_mandates()] == [1, 0]
    assert bank.debited_fen == 5_000

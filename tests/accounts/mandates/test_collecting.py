"""Collecting: when, how much, never beyond the caps, never twice, whatever the bank answers or does not answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from accounts.gateway.port import PaymentStatus
from accounts.models import Card, GatewayEvent, Mandate, MandateCollection, Notice, Purse, TopUpOrder
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import direct_debit, mandates
from accounts.services.cards import mark_lost
from accounts.services.direct_debit import DECLINES_MAX, IN_FLIGHT, collect_due
from accounts.services.gateway_payment import settle_payment
from accounts.services.ledger import open_account, set_account_state
from citizencard.core.calendar import SHANGHAI
from tests.accounts.mandates.asking import ask_for_mandate, make_purse
from tests.accounts.mandates.bank import Bank, Mood
from tests.factories import CLERK, NOON, fill_purse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]

MakeMandate = Callable[..., Mandate]
A_DAY = timedelta(days=1)


def at(month: int, day: int, clock: str) -> datetime:
    """A moment of 2026 on the city's clocks."""
    return datetime.combine(date(2026, month, day), time.fromisoformat(clock), tzinfo=SHANGHAI)


def spend(mandate: Mandate) -> None:
    """Make the account purse look empty to the collector by asking for more than it has."""
    Mandate.objects.filter(pk=mandate.pk).update(threshold_fen=100_000)


def balance_fen(mandate: Mandate) -> int:
    return Purse.objects.get(pk=mandate.purse_id).balance_fen


def states(mandate: Mandate) -> list[str]:
    return list(mandate.collections.order_by("pk").values_list("state", flat=True))


def codes(mandate: Mandate) -> list[str]:
    told = Notice.objects.filter(citizen_id=mandate.citizen_id).order_by("pk")
    return list(told.values_list("code", flat=True))[1:]


def test_an_account_purse_below_its_threshold_is_credited_at_once(mandate: Mandate, bank: Bank) -> None:
    assert collect_due(now=NOON) == 1
    assert (balance_fen(mandate), bank.debited_fen) == (5_000, 5_000)
    assert account_balance_fen(open_account(chart="1015").pk) == 5_000
    assert mandate.collections.get().order.state == TopUpOrder.State.CONFIRMED
    assert codes(mandate) == ["mandate_collected"]
    assert collect_due(now=NOON) == 0  # it has enough now
    assert invariants.broken() == []


def test_a_chip_gets_a_paid_order_that_waits_for_the_next_reader(
    make_mandate: MakeMandate, bank: Bank
) -> None:
    mandate = make_mandate("chip")
    assert [collect_due(now=NOON), collect_due(now=NOON)] == [1, 0]  # what is on its way counts as there
    assert (balance_fen(mandate), mandate.collections.get().order.state) == (0, TopUpOrder.State.PAID)
    assert account_balance_fen(open_account(chart="2031").pk) == 5_000


@pytest.mark.parametrize(("has_fen", "collected"), [(999, 1), (1_000, 0)])
def test_the_threshold_is_a_boundary(
    make_mandate: MakeMandate, bank: Bank, has_fen: int, collected: int
) -> None:
    mandate = make_mandate("chip")
    fill_purse(mandate.purse.card, has_fen)
    assert collect_due(now=NOON) == collected


def test_the_caps_of_day_and_month_at_their_boundaries(mandate: Mandate, bank: Bank) -> None:
    spend(mandate)
    noons = [NOON, NOON, NOON, NOON + A_DAY, NOON + A_DAY, NOON + 2 * A_DAY]
    assert [collect_due(now=now) for now in noons] == [1, 1, 0, 1, 0, 0]
    assert bank.debited_fen == mandate.month_cap_fen == 15_000


@pytest.mark.parametrize(("short_fen", "collected"), [(0, 2), (1, 1)])
def test_a_cap_may_be_reached_and_not_passed(
    make_mandate: MakeMandate, bank: Bank, short_fen: int, collected: int
) -> None:
    mandate = make_mandate(day_cap_fen=10_000 - short_fen)
    spend(mandate)
    for _ in range(3):
        collect_due(now=NOON)
    assert bank.debited_fen == collected * 5_000


def test_days_and_months_are_the_citys(make_mandate: MakeMandate, bank: Bank) -> None:
    """23:59:59 in Shanghai is 15:59:59 of the same day in UTC, midnight 16:00 of the day before."""
    mandate = make_mandate(day_cap_fen=5_000, month_cap_fen=5_000)
    spend(mandate)
    assert collect_due(now=at(3, 31, "00:00:00")) == 1
    assert collect_due(now=at(3, 31, "23:59:59")) == 0
    assert collect_due(now=at(4, 1, "00:00:00")) == 1
    assert [str(day) for day in mandate.collections.order_by("pk").values_list("date", flat=True)] == [
        "2026-03-31",
        "2026-04-01",
    ]
    Mandate.objects.filter(pk=mandate.pk).update(month_cap_fen=10_000)
    assert collect_due(now=at(4, 1, "23:59:59")) == 0
    assert collect_due(now=at(4, 2, "00:00:00")) == 1


@pytest.mark.parametrize("mood", ["down", "lost", "slow"])
def test_an_unknown_outcome_is_asked_about_again_and_never_debited_twice(
    mandate: Mandate, bank: Bank, mood: Mood
) -> None:
    spend(mandate)
    bank.moods.append(mood)
    assert collect_due(now=NOON) == 0
    assert (states(mandate), balance_fen(mandate)) == (["pending"], 0)
    for order_number in bank.payments:
        bank.debit(order_number, 5_000)
    assert collect_due(now=NOON) == 2  # the one that was open, and then the next
    assert (states(mandate), balance_fen(mandate), bank.debited_fen) == (["collected"] * 2, 10_000, 10_000)
    assert len(set(bank.asked)) == 2
    assert invariants.broken() == []


def test_without_remembering_the_order_a_lost_answer_is_a_second_debit(
    mandate: Mandate, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: forget what is under way, and the payer pays twice for one need."""
    bank.moods.append("lost")
    collect_due(now=NOON)
    MandateCollection.objects.update(state="dropped")
    collect_due(now=NOON)
    assert bank.debited_fen == 10_000 > balance_fen(mandate)


@pytest.mark.parametrize("answer", ["pay", "decline"])
def test_what_a_call_back_has_booked_stays_booked_whatever_is_answered_later(
    mandate: Mandate, bank: Bank, answer: Mood
) -> None:
    bank.moods.extend(["lost", answer])
    collect_due(now=NOON)
    payment = next(iter(bank.payments.values()))
    assert settle_payment(payment)
    assert balance_fen(mandate) == 5_000
    collect_due(now=NOON)
    assert (states(mandate), codes(mandate), balance_fen(mandate)) == (
        ["collected"],
        ["mandate_collected"],
        5_000,
    )


def test_a_decline_is_told_and_tried_again_the_next_day_until_there_were_too_many(
    mandate: Mandate, bank: Bank
) -> None:
    bank.moods.extend(["decline"] * DECLINES_MAX)
    for day in range(DECLINES_MAX):
        assert [collect_due(now=NOON + day * A_DAY) for _ in range(2)] == [0, 0]
        assert len(bank.asked) == day + 1
    assert codes(mandate) == ["mandate_declined"] * DECLINES_MAX + ["mandate_stopped_declined"]
    assert mandate.collections.first().decline_code == "insufficient_funds"  # type: ignore[union-attr]
    assert set(TopUpOrder.objects.values_list("state", flat=True)) == {TopUpOrder.State.REVERSED}
    assert collect_due(now=NOON + 9 * A_DAY) == 0
    assert invariants.broken() == []


def test_a_success_forgets_the_declines_before_it(mandate: Mandate, bank: Bank) -> None:
    spend(mandate)
    declines: list[Mood] = ["decline"] * (DECLINES_MAX - 1)
    bank.moods.extend([*declines, "pay", *declines])
    for day in range(2 * DECLINES_MAX - 1):
        collect_due(now=NOON + day * A_DAY)
    mandate.refresh_from_db()
    assert (mandate.state, mandate.declines) == ("active", DECLINES_MAX - 1)


def test_an_error_that_is_not_the_banks_no_is_not_counted(mandate: Mandate, bank: Bank) -> None:
    bank.moods.extend(["error"] * 5)
    for day in range(5):
        collect_due(now=NOON + day * A_DAY)
    mandate.refresh_from_db()
    assert (mandate.state, mandate.declines, states(mandate)) == ("active", 0, ["declined"] * 5)


def test_a_debit_of_another_amount_is_kept_as_evidence_and_nothing_is_booked(
    mandate: Mandate, bank: Bank
) -> None:
    bank.moods.append("less")
    assert [collect_due(now=NOON), collect_due(now=NOON)] == [0, 0]
    assert (states(mandate), balance_fen(mandate)) == (["pending"], 0)
    assert GatewayEvent.objects.get().fault == "amount"


def test_a_payment_called_off_at_the_bank_is_no_collection(mandate: Mandate, bank: Bank) -> None:
    bank.moods.append("slow")
    collect_due(now=NOON)
    bank.debit(bank.asked[0], 5_000, PaymentStatus.CANCELED)
    assert collect_due(now=NOON) == 0
    assert states(mandate) == ["declined"]


def test_one_mandates_trouble_is_no_other_ones(make_mandate: MakeMandate, bank: Bank) -> None:
    first, second = make_mandate(), make_mandate()
    bank.moods.append("down")
    assert collect_due(now=NOON) == 1
    assert (balance_fen(first), balance_fen(second)) == (0, 5_000)


def test_a_card_that_may_not_take_so_much_is_left_alone(make_mandate: MakeMandate, bank: Bank) -> None:
    mandate = make_mandate(amount_fen=90_000, day_cap_fen=90_000, month_cap_fen=90_000)
    spend(mandate)
    Purse.objects.filter(pk=mandate.purse_id).update(ceiling_fen=50_000)
    other = make_mandate()
    assert collect_due(now=NOON) == 1
    assert (bank.debited_fen, states(mandate), states(other)) == (5_000, [], ["collected"])


def test_money_for_a_frozen_purse_waits_in_transit(mandate: Mandate, bank: Bank) -> None:
    account = Purse.objects.get(pk=mandate.purse_id).account
    set_account_state(account=account, state="frozen", actor=CLERK, reason="test")
    assert collect_due(now=NOON) == 1
    assert mandate.collections.get().order.state == TopUpOrder.State.PAID
    assert invariants.broken() == []


# After the stop.


def stop_by_loss(mandate: Mandate) -> None:
    mark_lost(card=mandate.purse.card, actor=CLERK, reason="lost", occurred_at=NOON)


def test_a_loss_report_stops_mandates_in_its_own_transaction(
    mandate: Mandate, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed at the last step")

    with monkeypatch.context() as patch:
        patch.setattr(mandates, "tell", die)
        with pytest.raises(RuntimeError):
            stop_by_loss(mandate)
    mandate.refresh_from_db()
    assert (mandate.state, Card.objects.get(pk=mandate.purse.card_id).state) == ("active", "active")
    stop_by_loss(mandate)
    mandate.refresh_from_db()
    assert (mandate.state, mandate.stop_reason, mandate.stopped_at) == ("stopped", "lost", NOON)
    assert (collect_due(now=NOON), bank.asked, codes(mandate)) == (0, [], ["mandate_stopped_lost"])


def test_a_request_ends_with_the_card_too(bank: Bank) -> None:
    requested = ask_for_mandate(make_purse())
    stop_by_loss(requested)
    requested.refresh_from_db()
    assert requested.stop_reason == "lost"


def test_what_was_debited_before_the_stop_is_booked(mandate: Mandate, bank: Bank) -> None:
    bank.moods.append("lost")
    collect_due(now=NOON)
    stop_by_loss(mandate)
    assert collect_due(now=NOON) == 1
    assert (balance_fen(mandate), states(mandate), len(bank.asked)) == (5_000, ["collected"], 1)
    assert invariants.broken() == []


def test_what_was_not_sent_before_the_stop_is_never_sent(mandate: Mandate, bank: Bank) -> None:
    bank.moods.append("down")
    collect_due(now=NOON)
    stop_by_loss(mandate)
    assert collect_due(now=NOON + IN_FLIGHT - timedelta(seconds=1)) == 0
    assert states(mandate) == ["pending"]  # it may be on its way
    assert collect_due(now=NOON + IN_FLIGHT) == 0
    assert (states(mandate), len(bank.asked), bank.debited_fen) == (["dropped"], 1, 0)
    assert mandate.collections.get().order.state == TopUpOrder.State.REVERSED


def test_what_the_bank_has_not_decided_is_called_off_at_the_stop(mandate: Mandate, bank: Bank) -> None:
    bank.moods.append("slow")
    collect_due(now=NOON)
    stop_by_loss(mandate)
    assert collect_due(now=NOON) == 0
    assert (states(mandate), len(bank.canceled), bank.debited_fen) == (["dropped"], 1, 0)


def test_what_the_bank_decides_while_it_is_called_off_is_booked(
    mandate: Mandate, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.moods.append("slow")
    collect_due(now=NOON)
    stop_by_loss(mandate)
    order_number = bank.asked[0]
    cancel = bank.cancel_payment

    def too_late(payment_id: str) -> object:
        bank.debit(order_number, 5_000)
        return cancel(payment_id)

    monkeypatch.setattr(bank, "cancel_payment", too_late)
    assert [collect_due(now=NOON), collect_due(now=NOON)] == [0, 1]
    assert (states(mandate), balance_fen(mandate)) == (["collected"], 5_000)


def test_without_the_search_a_stopped_mandate_is_debited_after_all(
    mandate: Mandate, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: asking again in the ordinary way would be the debit that the citizen has forbidden."""
    bank.moods.append("down")
    collect_due(now=NOON)
    stop_by_loss(mandate)
    order = TopUpOrder.objects.get()

    def ask_as_ever(*_: object) -> bool:
        bank.collect_payment(
            order_number=order.number, amount_fen=order.amount_fen, method="pm_1", mandate="m"
        )
        return False

    monkeypatch.setattr(direct_debit, "_call_off", ask_as_ever)
    collect_due(now=NOON)
    assert bank.debited_fen == 5_000

"""A chip that shows more than the books can explain gets nothing, and is listed with its evidence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.errors import CardTampered
from accounts.models import Card, CardFlag, Refund
from accounts.selectors import invariants
from accounts.selectors.refund_quote import quote_refund
from accounts.selectors.refunds import flagged_cards
from accounts.services.incidents import clear_flag, flag_tampered
from accounts.services.refund_waiting import advance_refund, advance_refunds
from accounts.services.refunds import approve_refund
from citizencard.core.errors import InvalidField
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from terminals.errors import WrongCardOnReader
from terminals.models import HotListEntry
from terminals.readers.memory import MemoryTransport
from terminals.services.refunds import hot_list_flagged, read_chip, request_card_refund
from tests.accounts.refunds import stories
from tests.accounts.refunds.stories import (
    LATER,
    OFFICER,
    anonymous_card,
    approved,
    ask,
    due,
    fen,
    fresh,
    purse_fen,
    shown,
    tap,
)
from tests.factories import CLERK, NOON
from tests.terminals.chips import loaded_card
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


def test_a_chip_with_a_raised_balance_gets_nothing(demo_keys: KeyStore) -> None:
    """The simulator's card, its EEPROM changed behind the operating system's back."""
    card, chip = loaded_card(demo_keys, 5_000)
    stories.publish(card.product)
    slot = MemoryTransport(chip)
    honest = read_chip(card=card, transport=slot, actor=CLERK, when=NOON)
    assert (honest.balance_fen, honest.offline_atc) == (5_000, 0)
    chip.commit(balance_fen=50_000)
    raised = read_chip(card=card, transport=slot, actor=CLERK, when=NOON)
    assert raised.balance_fen == 50_000
    assert quote_refund(card=fresh(card), on=NOON.date(), chip=raised).payable_fen == 0
    owed, cash = fen("2032"), fen("1011")
    refund = request_card_refund(card=card, actor=CLERK, reason="", occurred_at=NOON, chip=raised)
    assert (refund.state, refund.payable_fen, refund.decision_reason) == ("refused", None, "tampered")
    assert (fen("2032"), fen("1011"), purse_fen(card)) == (owed, cash, 5_000)
    (flag,) = flagged_cards()
    assert (flag.card, flag.evidence["chip_balance_fen"], flag.evidence["ledger_balance_fen"]) == (
        card,
        50_000,
        5_000,
    )
    assert AuditEntry.objects.filter(action="card.flag", subject=f"card:{card.pan}").exists()
    assert invariants.broken() == []


def test_reading_a_chip_leaves_it_as_it_was(demo_keys: KeyStore) -> None:
    card, chip = loaded_card(demo_keys, 5_000)
    before = chip.state
    read_chip(card=card, transport=MemoryTransport(chip), actor=CLERK, when=NOON)
    assert chip.state == before
    other, _ = loaded_card(demo_keys, 100)
    with pytest.raises(WrongCardOnReader):
        read_chip(card=other, transport=MemoryTransport(chip), actor=CLERK, when=NOON)


def test_one_fen_too_much_is_too_much(card: Card) -> None:
    assert ask(card, chip=shown(10_001)).state == "refused"


def test_a_chip_that_counts_backwards_was_put_back(card: Card, field: Field) -> None:
    """An older image of the chip shows an older counter, even where its balance would fit."""
    tap(field, card, 4, 200)
    later = NOON + timedelta(hours=1)
    assert ask(card, chip=shown(9_800, atc=4, at=later)).state == "refused"
    assert CardFlag.objects.get().evidence["next_counter_by_the_books"] == 5


def test_a_flagged_card_gets_nothing_until_somebody_clears_it(card: Card) -> None:
    ask(card, chip=shown(99_999))
    with pytest.raises(CardTampered):
        ask(card, chip=shown(10_000))
    flag = CardFlag.objects.get()
    with pytest.raises(InvalidField):
        clear_flag(flag=flag, actor=OFFICER, reason="")
    for _ in range(2):
        assert clear_flag(flag=flag, actor=OFFICER, reason="the reader was broken").cleared_by == OFFICER
    assert list(flagged_cards()) == []
    assert approved(card, chip=shown(10_000)).payable_fen == 11_000


def test_a_flag_raised_while_the_refund_waits_stops_it(card: Card) -> None:
    refund = due(card, chip=shown(10_000))
    evidence = {"found": 1}
    first = flag_tampered(card=card, evidence=evidence, actor="audit", occurred_at=NOON)
    assert flag_tampered(card=card, evidence=evidence, actor="audit", occurred_at=NOON) == first
    with pytest.raises(CardTampered):
        approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert (fresh(card).state, purse_fen(card)) == (Card.State.REFUNDING, 10_000)


def test_late_taps_tell_that_the_chip_showed_too_much(card: Card, field: Field) -> None:
    """80 yuan on the chip and 100 in the books can be; not when the missing tap turns out to be one of 40."""
    refund = ask(card, chip=shown(8_000, atc=1), payee="acct_1")
    assert refund.state == "cooling"
    tap(field, card, 0, 4_000, occurred_at=NOON - timedelta(hours=1))
    assert advance_refunds(now=NOON + timedelta(days=1)) == 1
    refused = Refund.objects.get(pk=refund.pk)
    assert (refused.state, fresh(card).state, purse_fen(card)) == ("refused", Card.State.ACTIVE, 6_000)
    assert flagged_cards().count() == 1


def test_the_last_look_is_at_the_approval(card: Card, field: Field) -> None:
    refund = due(card, chip=shown(8_000, atc=1), payee="acct_1")
    tap(field, card, 0, 4_000, occurred_at=NOON - timedelta(hours=1))
    refused = approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert (refused.state, fen("2032"), purse_fen(card)) == ("refused", 0, 6_000)
    assert invariants.broken() == []


def test_what_is_spent_after_the_reading_accuses_nobody(card: Card, field: Field) -> None:
    refund = ask(card, chip=shown(10_000, atc=0))
    tap(field, card, 0, 500, occurred_at=NOON + timedelta(hours=1))
    tap(field, card, 1, 0, occurred_at=NOON + timedelta(hours=2), type=9)
    assert advance_refund(refund=refund, now=LATER).state == "due"
    assert approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER).payable_fen == 10_500


def test_a_person_puts_a_flagged_card_on_the_hot_list(card: Card) -> None:
    ask(card, chip=shown(99_999))
    assert not HotListEntry.objects.exists()
    flag = CardFlag.objects.get()
    entries = {hot_list_flagged(flag=flag, actor=OFFICER, occurred_at=NOON).pk for _ in range(2)}
    assert (len(entries), HotListEntry.objects.get().pan) == (1, card.pan)


def test_a_tampered_card_is_kept_on_record_even_when_the_product_is_not_redeemable() -> None:
    card = anonymous_card(redeemable=False)
    assert ask(card, chip=shown(10_001)).state == "refused"

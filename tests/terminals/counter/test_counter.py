"""The service hall: a chip becomes a card, and value goes onto it once, whenever the card is pulled."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import transaction

from accounts.errors import BalanceLimitExceeded, IllegalCardTransition
from accounts.models import Card, Purse, TopUpOrder
from accounts.services.cards import order_card
from citizencard.core.errors import NotFound
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from terminals.card.apdu import WrongPin
from terminals.card.describe import describe_card
from terminals.card.errors import CardRemoved, PersonalisationError, TransportError
from terminals.card.script import Progress
from terminals.errors import LoadUnfinished, WrongCardOnReader, WrongChipOnReader
from terminals.models import BureauBatch, BureauLine
from terminals.readers.memory import MemoryTransport
from terminals.services.counter import WriteBack, load_chip, personalise_card, write_back
from terminals.simulator.chip import Chip
from tests.factories import CLERK, NOON, make_product
from tests.terminals.chips import COUNTER_NO, PIN, blank_chip, issued_card, paid_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


class TornSlot(MemoryTransport):
    """Pulls the card at one command: before the chip sees it, or after it worked but before its answer arrives."""

    def __init__(self, chip: Chip, ins: int, *, after: bool) -> None:
        super().__init__(chip)
        self._ins = ins
        self._after = after

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if apdu[1] != self._ins:
            return super().transmit(apdu)
        if self._after:
            super().transmit(apdu)
        raise CardRemoved("pulled")


class Forgetful(MemoryTransport):
    """A card that has no proof of its last transaction any more."""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        return (b"", 0x9406) if apdu[1] == 0x5A else super().transmit(apdu)


def load(order: TopUpOrder, transport: MemoryTransport, pin: str = PIN) -> int:
    return load_chip(order=order, transport=transport, terminal_no=COUNTER_NO, when=NOON, pin=pin)


def test_a_real_name_card_carries_number_validity_and_holder_behind_the_pin(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys, real_name=True)
    shown = describe_card(MemoryTransport(chip), PIN)
    assert shown["card_number"] == card.pan
    assert shown["holder"]["name"] == "林美玲"
    assert shown["management"]["city"] == "3970"
    assert "error" in describe_card(MemoryTransport(chip))["holder"]
    assert AuditEntry.objects.filter(action="card.personalise", subject=f"card:{card.pan}").exists()
    assert AuditEntry.objects.filter(action="pii.reveal").exists()


def test_an_anonymous_card_carries_no_person(demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    holder = describe_card(MemoryTransport(chip), PIN)["holder"]
    assert (holder["name"], holder["document_number"]) == ("", "")


def ordered_card() -> Card:
    return order_card(product=make_product(), actor=CLERK, valid_from=date(2026, 3, 1))


def test_a_card_gets_one_chip(demo_keys: KeyStore) -> None:
    card, _ = issued_card(demo_keys)
    with pytest.raises(IllegalCardTransition):
        personalise_card(card=card, transport=MemoryTransport(blank_chip(demo_keys)), pin=PIN, actor=CLERK)


def test_a_chip_carries_one_card(demo_keys: KeyStore) -> None:
    first, chip = issued_card(demo_keys)
    with pytest.raises(PersonalisationError, match=first.pan):
        personalise_card(card=ordered_card(), transport=MemoryTransport(chip), pin=PIN, actor=CLERK)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("ins", [0xD6, 0xD4, 0x46, 0x44])
def test_a_card_pulled_while_it_is_made_is_finished_when_it_returns(
    demo_keys: KeyStore, ins: int, after: bool
) -> None:
    card, chip = ordered_card(), blank_chip(demo_keys)
    with pytest.raises(CardRemoved):
        personalise_card(card=card, transport=TornSlot(chip, ins, after=after), pin=PIN, actor=CLERK)
    assert not card.certificates.exists()
    seen: list[Progress] = []
    personalise_card(card=card, transport=MemoryTransport(chip), pin=PIN, actor=CLERK, progress=seen.append)
    assert seen[-1].step == ("read back" if ins == 0x44 and after else "activate")
    assert [bytes(each.der) for each in card.certificates.all()] == [chip.state.identity_certificate]
    assert AuditEntry.objects.filter(action="card.personalise", subject=f"card:{card.pan}").count() == 1


def test_a_begun_chip_is_wiped_when_told_so(demo_keys: KeyStore) -> None:
    card, other, chip = ordered_card(), ordered_card(), blank_chip(demo_keys)
    with pytest.raises(CardRemoved):
        personalise_card(card=other, transport=TornSlot(chip, 0x44, after=False), pin=PIN, actor=CLERK)
    with pytest.raises(PersonalisationError, match=other.pan):
        personalise_card(card=card, transport=MemoryTransport(chip), pin=PIN, actor=CLERK)
    personalise_card(card=card, transport=MemoryTransport(chip), pin=PIN, actor=CLERK, erase_begun=True)
    assert describe_card(MemoryTransport(chip))["card_number"] == card.pan


def test_a_card_is_written_on_the_chip_the_bureau_printed_it_on(demo_keys: KeyStore) -> None:
    card, printed, stray = ordered_card(), blank_chip(demo_keys), blank_chip(demo_keys)
    batch = BureauBatch.objects.create(cards_digest=bytes(32), ordered_by=CLERK)
    BureauLine.objects.create(
        batch=batch, card=card, outcome="made", chip_serial=printed.state.chip_serial.hex().upper()
    )
    with pytest.raises(WrongChipOnReader):
        personalise_card(card=card, transport=MemoryTransport(stray), pin=PIN, actor=CLERK)
    assert stray.state.files == {}
    personalise_card(card=card, transport=MemoryTransport(printed), pin=PIN, actor=CLERK)


def test_a_load_reaches_chip_and_purse(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    order = paid_order(card, 5_000)
    assert load(order, MemoryTransport(chip)) == 5_000
    order.refresh_from_db()
    assert order.state == TopUpOrder.State.CONFIRMED
    assert Purse.objects.get(card=card).balance_fen == chip.state.balance_fen == 5_000


def test_a_confirmed_order_is_not_loaded_again(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    order = paid_order(card, 5_000)
    for _ in range(3):
        assert load(order, MemoryTransport(chip)) == 5_000
    assert chip.state.balance_fen == 5_000


@pytest.mark.parametrize("after", [False, True])
def test_a_torn_load_is_settled_when_the_card_returns(demo_keys: KeyStore, after: bool) -> None:
    card, chip = issued_card(demo_keys)
    order = paid_order(card, 5_000)
    with pytest.raises(LoadUnfinished):
        load(order, TornSlot(chip, 0x52, after=after))
    assert Purse.objects.get(card=card).balance_fen == 0
    assert chip.state.balance_fen == (5_000 if after else 0)
    assert load(order, MemoryTransport(chip)) == 5_000
    order.refresh_from_db()
    assert order.proof == "tac"
    assert Purse.objects.get(card=card).balance_fen == chip.state.balance_fen == 5_000


@pytest.mark.parametrize("after", [False, True])
def test_another_orders_load_settles_a_torn_one(demo_keys: KeyStore, after: bool) -> None:
    card, chip = issued_card(demo_keys)
    torn, other = paid_order(card, 5_000), paid_order(card, 1_000)
    with pytest.raises(LoadUnfinished):
        load(torn, TornSlot(chip, 0x52, after=after))
    assert load(other, MemoryTransport(chip)) == (6_000 if after else 1_000)
    assert load(torn, MemoryTransport(chip)) == 6_000
    assert Purse.objects.get(card=card).balance_fen == chip.state.balance_fen == 6_000


@pytest.mark.parametrize("after", [False, True])
def test_the_counter_tells_when_the_chip_has_no_proof_left(demo_keys: KeyStore, after: bool) -> None:
    card, chip = issued_card(demo_keys)
    order = paid_order(card, 5_000)
    with pytest.raises(LoadUnfinished):
        load(order, TornSlot(chip, 0x52, after=after))
    assert load(order, Forgetful(chip)) == 5_000
    order.refresh_from_db()
    assert order.proof == ("counter" if after else "tac")
    assert Purse.objects.get(card=card).balance_fen == chip.state.balance_fen == 5_000


def write(transport: MemoryTransport) -> WriteBack:
    return write_back(transport=transport, terminal_no=COUNTER_NO, when=NOON, pin=PIN)


@pytest.mark.parametrize("after", [False, True])
def test_whatever_card_is_on_the_reader_gets_all_it_has_paid_for(demo_keys: KeyStore, after: bool) -> None:
    card, chip = issued_card(demo_keys)
    orders = [paid_order(card, amount_fen) for amount_fen in (1_000, 2_000, 3_000)]
    with pytest.raises(LoadUnfinished):
        load(orders[1], TornSlot(chip, 0x52, after=after))
    done = write(MemoryTransport(chip))
    assert (done.card, done.balance_fen, done.refused) == (card, 6_000, ())
    assert {order.state for order in TopUpOrder.objects.all()} == {TopUpOrder.State.CONFIRMED}
    assert Purse.objects.get(card=card).balance_fen == chip.state.balance_fen == 6_000
    assert write(MemoryTransport(chip)).loaded == ()


def test_an_order_the_chip_has_no_room_for_does_not_stop_the_others(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    large, small = paid_order(card, 60_000), paid_order(card, 1_000)
    chip.commit(balance_fen=50_000)
    done = write(MemoryTransport(chip))
    assert (done.loaded, done.balance_fen) == ((small,), 51_000)
    [(order, refusal)] = done.refused
    assert (order, type(refusal), order.state) == (large, BalanceLimitExceeded, TopUpOrder.State.PAID)


def test_a_card_without_paid_orders_needs_no_pin(demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    done = write_back(transport=MemoryTransport(chip), terminal_no=COUNTER_NO, when=NOON, pin="000000")
    assert (done.loaded, done.balance_fen) == ((), 0)


def test_a_card_that_is_not_ours_is_not_written(demo_keys: KeyStore) -> None:
    before = transaction.savepoint()
    _, chip = issued_card(demo_keys)
    transaction.savepoint_rollback(before)  # the chip has a number that the books do not have
    with pytest.raises(NotFound):
        write(MemoryTransport(chip))


@pytest.mark.parametrize("ins", [0xA4, 0x20, 0x50])
def test_a_card_pulled_before_leaves_the_order_paid(demo_keys: KeyStore, ins: int) -> None:
    card, chip = issued_card(demo_keys)
    order = paid_order(card, 5_000)
    with pytest.raises(TransportError):
        load(order, TornSlot(chip, ins, after=True))
    order.refresh_from_db()
    assert order.state == TopUpOrder.State.PAID


def test_a_wrong_pin_loads_nothing(demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    with pytest.raises(WrongPin):
        load(paid_order(card, 5_000), MemoryTransport(chip), pin="654321")
    assert chip.state.balance_fen == 0


def test_another_card_on_the_reader_is_noticed(demo_keys: KeyStore) -> None:
    card, _ = issued_card(demo_keys)
    other, chip = issued_card(demo_keys)
    with pytest.raises(WrongCardOnReader, match=other.pan):
        load(paid_order(card, 5_000), MemoryTransport(chip))

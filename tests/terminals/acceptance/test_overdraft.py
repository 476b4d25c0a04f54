"""One ride of overdraft, and purses that are not open: what fits, what becomes a claim, and that no upload is refused."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, LedgerAccount, Purse
from accounts.selectors import invariants as books
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from accounts.services.ledger import open_account, set_account_state
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Batch, Tap
from terminals.selectors import invariants as field_invariants
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.accounts.chip import Chip
from tests.factories import CLERK, fill_purse, make_card, make_order, make_product
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
OVERDRAFT_FEN = 500
CLAIM = Tap.Outcome.OVER_BALANCE
ACCEPTED = Tap.Outcome.ACCEPTED


@pytest.fixture
def rider(field: Field) -> Card:
    """A card whose product lets it ride once beyond its balance, with one yuan on it."""
    card = make_card(product=make_product(overdraft_fen=OVERDRAFT_FEN))
    fill_purse(card, 100)
    return card


def upload(field: Field, number: str, *records: TapRecord) -> Batch:
    return accept_batch(terminal=field.terminal, body=build_batch(number, records))


def balance(card: Card) -> int:
    return Purse.objects.get(card=card, kind=Purse.Kind.CHIP).balance_fen


def outcomes(card: Card) -> dict[int, int]:
    """Outcome by card counter."""
    return dict(Tap.objects.filter(card_id=card.pk).values_list("atc", "outcome"))


def freeze(card: Card, state: str = LedgerAccount.State.FROZEN) -> None:
    set_account_state(account=card.purse.account, state=state, actor="auditor", reason="court order 17")


def test_the_last_ride_may_pass_the_balance_and_only_the_last(field: Field, rider: Card) -> None:
    upload(field, "B1", field.tap(rider, 1, 200), field.tap(rider, 2, 200))
    assert (outcomes(rider), balance(rider)) == ({1: ACCEPTED, 2: CLAIM}, -100)
    upload(field, "B2", field.tap(rider, 3, 1))
    assert (outcomes(rider)[3], balance(rider)) == (CLAIM, -100)


def test_it_is_bounded_by_the_floor(field: Field, rider: Card) -> None:
    upload(field, "B1", field.tap(rider, 1, OVERDRAFT_FEN + 101))
    assert (outcomes(rider), balance(rider)) == ({1: CLAIM}, 100)
    upload(field, "B2", field.tap(rider, 2, OVERDRAFT_FEN + 100))
    assert (outcomes(rider)[2], balance(rider)) == (ACCEPTED, -OVERDRAFT_FEN)


def test_an_empty_purse_has_no_ride(field: Field, rider: Card) -> None:
    upload(field, "B1", field.tap(rider, 1, 100))
    upload(field, "B2", field.tap(rider, 2, 100))
    assert (outcomes(rider), balance(rider)) == ({1: ACCEPTED, 2: CLAIM}, 0)


def test_an_entry_over_nothing_is_no_claim_even_in_debt(field: Field, rider: Card) -> None:
    upload(field, "B1", field.tap(rider, 1, 200))
    upload(field, "B2", field.tap(rider, 2, 0, type=9), field.tap(rider, 3, 50))
    assert outcomes(rider) == {1: ACCEPTED, 2: ACCEPTED, 3: CLAIM}


def test_the_next_top_up_makes_it_good(field: Field, rider: Card, demo_keys: KeyStore) -> None:
    upload(field, "B1", field.tap(rider, 1, 400))
    assert balance(rider) == -300
    paid = topup.receive_cash(order=make_order(card=rider, amount_fen=5_000), actor=CLERK)
    Chip(demo_keys, rider).load(paid)
    assert balance(rider) == 4_700
    upload(field, "B2", field.tap(rider, 2, 4_800))
    assert (outcomes(rider)[2], balance(rider)) == (ACCEPTED, -100)


def test_the_database_gives_no_overdraft_without_deposit(db: None) -> None:
    with pytest.raises(IntegrityError, match="card_product_overdraft_within_deposit"), transaction.atomic():
        make_product(deposit_fen=0, overdraft_fen=1)
    product = make_product(deposit_fen=1_000, overdraft_fen=1_000)
    assert make_card(product=product, state="blank").purse.floor_fen == -1_000


@pytest.mark.parametrize("state", [LedgerAccount.State.FROZEN, LedgerAccount.State.CLOSED])
def test_a_purse_that_is_not_open_makes_claims_and_refuses_no_upload(
    field: Field, card: Card, rider: Card, state: str
) -> None:
    freeze(rider, state)
    batch = upload(
        field, "B1", field.tap(rider, 1, 50), field.tap(card, 1, 200), field.tap(rider, 2, 0, type=9)
    )
    assert (batch.accepted, batch.suspended) == (2, 1)
    assert outcomes(rider) == {1: CLAIM, 2: ACCEPTED}
    assert (balance(rider), balance(card)) == (100, 9_800)
    assert account_balance_fen(open_account(chart="1221").pk) == 50
    freeze(rider, LedgerAccount.State.OPEN)
    upload(field, "B2", field.tap(rider, 3, 50))
    assert (outcomes(rider)[3], balance(rider)) == (ACCEPTED, 50)


def test_what_is_reserved_is_not_there(field: Field, rider: Card) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # past whoever keeps the column
        cursor.execute("UPDATE accounts_purse SET held_fen = 60 WHERE card_id = %s", [rider.pk])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    upload(field, "B1", field.tap(rider, 1, 541), field.tap(rider, 2, 540))
    assert outcomes(rider) == {1: CLAIM, 2: ACCEPTED}


def test_the_statements_are_as_many_in_debt_and_frozen_as_ever(field: Field, card: Card, rider: Card) -> None:
    freeze(make_card(product=rider.product))
    upload(field, "B0", field.tap(card, 1, 1))

    def statements(number: str, *records: TapRecord) -> int:
        with CaptureQueriesContext(connection) as captured:
            upload(field, number, *records)
        return len(captured)

    plain = statements("B1", field.tap(card, 2, 1))
    many = [field.tap(rider, atc, 200) for atc in range(1, 50)]
    assert statements("B2", *many) == plain


@dataclass
class ModelPurse:
    """The rule in words a child could check: hold something before, keep the floor after."""

    balance_fen: int
    floor_fen: int
    open: bool = True

    def pays(self, amount_fen: int) -> bool:
        """Whether the purse pays, which moves its balance."""
        if amount_fen == 0:
            return True
        if not self.open or self.balance_fen <= 0 or self.balance_fen - amount_fen < self.floor_fen:
            return False
        self.balance_fen -= amount_fen
        return True


class _Undo(Exception):
    pass


STEPS = st.lists(
    st.one_of(
        st.lists(st.integers(0, 700), min_size=1, max_size=6).map(tuple),  # an upload
        st.integers(1, 900),  # money into the purse
        st.sampled_from([LedgerAccount.State.FROZEN, LedgerAccount.State.OPEN]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS, overdraft_fen=st.sampled_from([0, OVERDRAFT_FEN]), shuffled=st.randoms(use_true_random=False)
)
def test_any_uploads_end_as_in_the_model(
    field: Field, steps: list[object], overdraft_fen: int, shuffled: random.Random
) -> None:
    """Uploads, fillings and freezes in any order, the records of an upload shuffled: the chip's order decides."""
    try:
        with transaction.atomic():
            card = make_card(product=make_product(overdraft_fen=overdraft_fen))
            model, atc = ModelPurse(0, -overdraft_fen), 0
            expected: dict[int, int] = {}
            for number, step in enumerate(steps):
                if isinstance(step, tuple):
                    taps = [field.tap(card, atc + place, amount) for place, amount in enumerate(step, 1)]
                    expected |= {tap.atc: ACCEPTED if model.pays(tap.amount_fen) else CLAIM for tap in taps}
                    atc += len(step)
                    shuffled.shuffle(taps)
                    upload(field, f"B{number}", *taps)
                elif isinstance(step, int):
                    freeze(card, LedgerAccount.State.OPEN)
                    fill_purse(card, step)
                    model.balance_fen += step
                    model.open = True
                else:
                    freeze(card, str(step))
                    model.open = step == LedgerAccount.State.OPEN
            assert outcomes(card) == expected
            assert balance(card) == model.balance_fen
            assert books.broken() + field_invariants.broken() == []
            raise _Undo
    except _Undo:
        pass

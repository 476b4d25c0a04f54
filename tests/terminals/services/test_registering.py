"""Later registration: who has the chip on the reader has the card; limits change, no fen moves, and the past stays nobody's."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.errors import ConsentMissing, NotRegistrable, PurseCeilingReached
from accounts.models import Card, CardProduct, Citizen, Notice, Purse, Registration, Transfer
from accounts.services.citizens import create_login
from accounts.services.registration import register_card
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from settlement.selectors.audit import broken_invariants
from terminals.errors import WrongCardOnReader
from terminals.readers.memory import MemoryTransport
from terminals.services.losses import report_card_lost
from terminals.services.registering import register_with_chip
from terminals.services.replacing import replace_and_list
from terminals.simulator.chip import Chip
from tests.accounts.refunds.stories import publish
from tests.citizencard.city import PASSWORD
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_product
from tests.terminals.chips import issued_card
from tests.terminals.field import Field
from tests.terminals.held.held_city import upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def product(key_service: object) -> CardProduct:
    return make_product(code="registered", name="记名卡", real_name=True, account_limit_fen=100_000)


@pytest.fixture
def holder(product: CardProduct) -> Citizen:
    return make_citizen()


def register(card: Card, holder: Citizen, product: CardProduct) -> Registration:
    return register_card(card=card, citizen=holder, product=product, actor=CLERK, occurred_at=NOON)


def test_the_chip_on_the_reader_proves_whose_card_it_is(
    demo_keys: KeyStore, holder: Citizen, product: CardProduct
) -> None:
    (card, chip), (_other, stranger) = issued_card(demo_keys), issued_card(demo_keys)

    def on_reader(chip: Chip) -> Registration:
        return register_with_chip(
            card=card, citizen=holder, product=product, transport=MemoryTransport(chip), actor=CLERK,
            occurred_at=NOON,
        )  # fmt: skip

    with pytest.raises(WrongCardOnReader):
        on_reader(stranger)
    assert Card.objects.get(pk=card.pk).citizen is None
    registration = on_reader(chip)
    card = Card.objects.get(pk=card.pk)
    assert (card.citizen, card.product, registration.before_id) == (holder, product, "anonymous")
    assert on_reader(chip) == registration
    assert AuditEntry.objects.filter(action="card.register").count() == 1
    assert Notice.objects.get().code == "card_registered"
    assert broken_invariants() == []


def test_it_holds_more_from_that_moment_and_no_fen_has_moved(holder: Citizen, product: CardProduct) -> None:
    card = make_card()
    fill_purse(card, 90_000)
    with pytest.raises(PurseCeilingReached):
        fill_purse(card, 10_001)
    moved = Transfer.objects.count()
    register(card, holder, product)
    assert Transfer.objects.count() == moved
    fill_purse(card, 400_000)
    kinds = dict(Purse.objects.filter(card=card).values_list("kind", "ceiling_fen"))
    assert kinds == {"chip": 500_000, "account": 100_000}
    assert broken_invariants() == []


def test_a_registered_card_is_a_real_name_card(holder: Citizen, product: CardProduct) -> None:
    card = make_card()
    publish(product)
    fill_purse(card, 5_000)
    register(card, holder, product)
    report_card_lost(card=card, kind="formal", channel="phone", actor=CLERK, reason="x", occurred_at=NOON)
    new = replace_and_list(card=card, cause="lost", actor=CLERK, occurred_at=NOON).new
    assert (new.citizen, new.product) == (holder, product)
    assert broken_invariants() == []


def test_what_cannot_be_registered_stays_as_it_is(holder: Citizen, product: CardProduct) -> None:
    named = make_card(citizen=make_citizen())
    inert = make_card(state=Card.State.ISSUED)
    card = make_card()
    wrong = [
        (named, product),
        (inert, product),
        (card, card.product),
        (card, make_product(code="rider", real_name=True, overdraft_fen=500, deposit_fen=500)),
        (card, make_product(code="child", real_name=True, kind_code=2)),
        (card, make_product(code="small", real_name=True, balance_limit_fen=1_000)),
    ]
    for subject, wanted in wrong:
        with pytest.raises(NotRegistrable):
            register(subject, holder, wanted)
    with pytest.raises(ConsentMissing):
        register(card, make_citizen(consent=False), product)
    assert not Registration.objects.exists()
    assert Card.objects.get(pk=card.pk).citizen is None


def test_a_card_changes_its_product_by_registration_only(product: CardProduct) -> None:
    card = make_card()
    with pytest.raises(IntegrityError, match="by registration only"), transaction.atomic():
        Card.objects.filter(pk=card.pk).update(product=product)


def test_earlier_trips_are_the_cards_own_until_the_holder_asks(
    field: Field, holder: Citizen, product: CardProduct
) -> None:
    card = make_card()
    fill_purse(card, 1_000)
    (earlier,) = upload(field, field.tap(card, 1, 210, occurred_at=NOON - timedelta(hours=2)))
    register(card, holder, product)
    upload(field, field.tap(card, 2, 220, occurred_at=LATER), now=LATER)
    client = Client()
    client.force_login(create_login(citizen=holder, password=PASSWORD))
    page = f"/cards/{card.pk}/"

    def seen(amount: str) -> set[str]:
        paths = ("/", page, f"{page}statement.csv", f"{page}?month={date(2026, 3, 1):%Y-%m}")
        return {path for path in paths if amount in client.get(path).content.decode()}

    dispute = f"{page}dispute/purchase/{earlier.id}/?day={earlier.business_date}"
    assert client.get(dispute).status_code == 200
    Registration.objects.update(registered_at=NOON + timedelta(days=1))
    assert client.get(dispute).status_code == 404
    Registration.objects.update(registered_at=NOON)
    assert len(seen("2.20")) == 4
    assert seen("2.10") == set()
    client.post(f"{page}earlier/", {"show": ""})
    assert len(seen("2.10")) == 4
    client.post(f"{page}earlier/", {"hide": ""})
    assert seen("2.10") == set()
    assert AuditEntry.objects.filter(action="card.show_earlier").count() == 2

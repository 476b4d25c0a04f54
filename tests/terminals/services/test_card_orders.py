"""An order at the bureau, from its files to the hall, and a carton that is lost on the way."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der

from accounts.errors import IllegalCardOrderStep
from accounts.models import CardOrder, StockItem
from accounts.services.batch_issue import approve_batch, run_chunk
from accounts.services.stock import propose_stock
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import HotListEntry
from terminals.services import card_orders
from terminals.services.bureau_answer import take_answer
from terminals.services.card_orders import write_order
from terminals.services.cartons import approve_proposal, lose_carton
from tests.accounts.stock.lists import row, uploaded
from tests.accounts.stock.shelf import (
    CHECKER,
    Places,
    deliver,
    make_stock,
    numbers,
    open_places,
    order_cards,
    send_all,
)
from tests.factories import CLERK, NOON, document_number
from tests.terminals.services.test_bureau import CERTIFICATE, HEADING, KEY, PEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def places() -> Places:
    return open_places()


def test_from_the_bureaus_file_to_the_hall(
    places: Places, demo_keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_orders, "CARDS_MAX", 2)
    order = order_cards(places, 3)
    files = write_order(order=order, certificate_pem=PEM, actor=CLERK)
    assert [file.batch.lines.count() for file in files] == [2, 1]
    cartons = set(order.items.values_list("carton", flat=True))
    assert cartons == {file.batch.number for file in files}
    lines = [
        f"{item.carton},{item.card.pan},{number:016X},made"
        for number, item in enumerate(order.items.select_related("card"))
    ]
    for answer, state in ((lines[:2], CardOrder.State.SENT), (lines, CardOrder.State.PRODUCED)):
        take_answer(text="\n".join([HEADING, *answer]), actor=CLERK)
        order.refresh_from_db()
        assert (order.state, order.items.filter(state="held").count()) == (state, len(answer))
    deliver(order, places)
    assert order.state == CardOrder.State.DELIVERED
    with pytest.raises(IllegalCardOrderStep):
        write_order(order=order, certificate_pem=PEM, actor=CLERK)


def test_files_of_an_order_hold_no_document_number_in_clear(places: Places, demo_keys: KeyStore) -> None:
    number = document_number()
    batch = uploaded(places, [row(document=number)])
    run_chunk(batch=approve_batch(batch=batch, checker=CHECKER))
    order = CardOrder.objects.get(batch=batch)
    (file,) = write_order(order=order, certificate_pem=PEM, actor=CLERK)
    opened = json.loads(pkcs7_decrypt_der(file.envelope, CERTIFICATE, KEY, []))
    assert number.encode().hex() in opened["cards"][0]["chip"]["files"]["EF16"].lower()
    for spelling in (number.encode(), number.encode().hex().encode(), bytes.fromhex(number[:16])):
        assert spelling not in file.envelope + file.manifest


def test_a_lost_carton_is_listed_by_its_range_and_off_the_list_when_found(places: Places) -> None:
    order, other = make_stock(places, 3), make_stock(places, 2)
    send_all(order, places.bureau, places.store)
    pans = numbers(order)
    lose_carton(
        place=places.bureau,
        first=pans[0],
        last=pans[-1],
        actor=CLERK,
        reason="van robbed",
        occurred_at=NOON,
    )
    listed = HotListEntry.objects.filter(cause="carton", removed_at=None).order_by("pan")
    assert list(listed.values_list("pan", flat=True)) == pans
    assert other.items.filter(state=StockItem.State.HELD).count() == 2
    found = propose_stock(
        kind="found", place=places.bureau, first=pans[0], last=pans[1], actor=CLERK, reason="two are here"
    )
    approve_proposal(proposal=found, checker=CHECKER, occurred_at=NOON)
    assert list(listed.values_list("pan", flat=True)) == pans[2:]

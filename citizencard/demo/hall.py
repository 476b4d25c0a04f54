"""The demo's service hall has cards in stock: ordered, made by a bureau on blank chips of the shelf, and delivered.

Each lies in its folder under the chip shelf, to be laid on a reader: `python -m terminals.bridge run --card FOLDER`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from accounts.models import CardOrder, CardProduct, StockPlace
from accounts.services.card_orders import approve_order, propose_order
from accounts.services.stock import open_place, receive_stock, send_stock
from citizencard.core.calendar import shanghai
from citizencard.demo.city import City
from citizencard.demo.hardware import ChipFactory
from terminals.card.bench import chip_serial
from terminals.readers.memory import MemoryTransport
from terminals.services.bureau_answer import COLUMNS, take_answer
from terminals.services.card_orders import write_order

CLERK, SUPERVISOR, COURIER = "clerk", "supervisor", "courier"
_DELIVERED_IN: Final = timedelta(days=30)


def stock_hall(city: City, factory: ChipFactory) -> None:
    """Order and deliver what the city's plan wants in stock; a product that was ordered before is not ordered again."""
    places = {each["kind"]: open_place(**each, actor=SUPERVISOR) for each in city.plan["stock_places"]}
    bureau, hall = places[StockPlace.Kind.BUREAU], places[StockPlace.Kind.HALL]
    for code, quantity in city.plan["hall_stock"].items():
        if CardOrder.objects.filter(product=code, batch=None).exists():
            continue
        order = propose_order(
            product=CardProduct.objects.get(code=code),
            quantity=quantity,
            hall=hall,
            deadline=shanghai(timezone.now()).date() + _DELIVERED_IN,
            actor=CLERK,
        )
        order = approve_order(order=order, bureau=bureau, checker=SUPERVISOR)
        _make(order, factory)
        numbers = sorted(order.items.values_list("card__pan", flat=True))
        sent = send_stock(source=bureau, target=hall, first=numbers[0], last=numbers[-1], actor=COURIER)
        receive_stock(consignment=sent, actor=CLERK)


def _make(order: CardOrder, factory: ChipFactory) -> None:
    """What the bureau does: open the file, print each card on a blank chip, answer which on which."""
    write_order(order=order, certificate_pem=_certificate(), actor=CLERK)
    lines = [
        f"{item.carton},{item.card.pan},{chip_serial(MemoryTransport(factory.blank_card(item.card.pan))).hex()},made"
        for item in order.items.select_related("card").order_by("card__pan")
    ]
    take_answer(text="\n".join([",".join(COLUMNS), *lines]), actor=CLERK)


def _certificate() -> bytes:
    """A bureau's certificate, whose key nobody keeps: the demo's bureau knows the cards anyway."""
    key, now = rsa.generate_private_key(65537, 2048), timezone.now()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "demo bureau")])
    built = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    return built.sign(key, SHA256()).public_bytes(Encoding.PEM)

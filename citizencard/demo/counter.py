"""The demo's service hall: clerks register citizens, issue cards and load them, through the services and real APDUs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import requests
from django.conf import settings

from accounts.models import Card, CardProduct, Citizen, Consent, TopUpOrder
from accounts.selectors.people import find_citizen
from accounts.services.cards import activate_card, issue_card, mark_personalised, order_card
from accounts.services.citizens import create_login, give_consent, register_citizen
from accounts.services.concessions import grant_concession
from accounts.services.topup import order_topup, poll_gateway_payment, receive_cash, start_gateway_payment
from citizencard.core.keyservice.client import key_service
from citizencard.demo.city import STAFF_PASSWORD, City
from citizencard.demo.hardware import ChipFactory, Readers
from terminals.card.personalise import SamSpec, personalise_sam
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from terminals.services.counter import load_chip, personalise_card

CLERK: Final = "clerk"
PIN: Final = "123456"
"""The demo's holders are careless."""
WEBHOOK_SECONDS_MAX: Final = 10


@dataclass(frozen=True)
class Counter:
    """One counter with its reader; times are those of the played day."""

    city: City
    readers: Readers
    factory: ChipFactory

    def register(self, person: dict[str, Any], on: date) -> Citizen:
        """The person as a citizen with consent, a portal login and what they proved; found again on later days."""
        known = find_citizen(document_number=person["document_number"])
        if known is not None:
            return known
        facts = {
            name: value for name, value in person.items() if name not in ("key", "product", "concession")
        }
        citizen = register_citizen(**facts, actor=CLERK)
        give_consent(citizen=citizen, purpose=Consent.Purpose.CARD, actor=CLERK)
        create_login(citizen=citizen, password=STAFF_PASSWORD)
        if proved := person.get("concession"):
            grant_concession(**proved, citizen=citizen, valid_from=on, checked_by=CLERK)
        return citizen

    def issue(self, product: str, citizen: Citizen | None, when: datetime) -> Card:
        """A card from blank chip to active: ordered, personalised on the reader, issued, activated.

        A citizen's card that was begun and broken off is taken up where it stands.
        """
        kind = CardProduct.objects.get(code=product)
        card = self._begun(kind, citizen) or order_card(
            product=kind, citizen=citizen, actor=CLERK, valid_from=when.date(), occurred_at=when
        )
        if card.state == Card.State.BLANK:
            with self.readers.card(self.factory.blank_card(card.pan)) as transport:
                personalise_card(card=card, transport=transport, pin=PIN, actor=CLERK)
            card = mark_personalised(card=card, actor=CLERK, occurred_at=when)
        if card.state == Card.State.PERSONALISED:
            card = issue_card(card=card, actor=CLERK, occurred_at=when)
        if card.state == Card.State.ISSUED:
            card = activate_card(card=card, actor=CLERK, occurred_at=when)
        return card

    def top_up(self, card: Card, amount_fen: int, channel: TopUpOrder.Channel, when: datetime) -> None:
        """Money in by cash or through the gateway, value onto the chip; first what an earlier visit left unfinished."""
        unfinished = card.topups.filter(state__in=[TopUpOrder.State.PAID, TopUpOrder.State.LOADED])
        for earlier in unfinished.order_by("pk"):
            self._load(earlier, when)
        order = order_topup(card=card, amount_fen=amount_fen, channel=channel, actor=CLERK, occurred_at=when)
        if channel == TopUpOrder.Channel.CASH:
            order = receive_cash(order=order, actor=CLERK)
        else:
            order = self.pay_online(order)
        self._load(order, when)

    def pay_online(self, order: TopUpOrder) -> TopUpOrder:
        """The holder pays on the gateway's page; the gateway's signed call-back books the money. A repeat changes nothing."""
        if order.state != TopUpOrder.State.INIT:
            return order
        start_gateway_payment(order=order)
        order.refresh_from_db()
        visit_gateway(f"pay/{order.gateway_id}", do="pay")
        deadline = time.monotonic() + WEBHOOK_SECONDS_MAX
        while order.state == TopUpOrder.State.INIT and time.monotonic() < deadline:
            time.sleep(0.05)
            order.refresh_from_db()
        return poll_gateway_payment(order=order) if order.state == TopUpOrder.State.INIT else order

    def install_sams(self, when: datetime) -> None:
        """Personalise the SAM of every terminal that has none yet."""
        for terminal in self.city.plan["terminals"]:
            self.install_sam(sam_name(terminal["code"]), terminal["terminal_no"], when)

    def install_sam(self, name: str, terminal_no: str, when: datetime) -> None:
        """Personalise a SAM for the terminal number, unless one is kept under this name already."""
        if not self.factory.has(name):
            with self.readers.sam(self.factory.blank_sam(name)) as transport:
                personalise_sam(transport, _sam_spec(terminal_no, when), key_service("counter"))

    def _begun(self, product: CardProduct, citizen: Citizen | None) -> Card | None:
        if citizen is None:
            return None
        live = (Card.State.BLANK, Card.State.PERSONALISED, Card.State.ISSUED, Card.State.ACTIVE)
        return citizen.cards.filter(product=product, state__in=live).first()

    def _load(self, order: TopUpOrder, when: datetime) -> None:
        terminal_no: str = self.city.plan["counter_terminal_no"]
        with self.readers.card(self.factory.card(order.card.pan)) as transport:
            load_chip(order=order, transport=transport, terminal_no=terminal_no, when=when, pin=PIN)


def visit_gateway(page: str, **form: str) -> None:
    """What a person does on a page of the gateway."""
    requests.post(f"{settings.GATEWAY_URL}/{page}", data=form, timeout=10).raise_for_status()


def sam_name(terminal_code: str) -> str:
    """Where the SAM of a terminal is kept on the chip shelf."""
    return f"sam-{terminal_code}"


def _sam_spec(terminal_no: str, when: datetime) -> SamSpec:
    issuer = bytes.fromhex(f"0101{settings.ISSUER_CODE}FFFFFFFF")
    validity = (when.date(), when.date().replace(year=when.year + 10, day=1))
    return SamSpec(
        info=SamInfo(serial=terminal_no.zfill(20)),
        terminal=SamTerminal(bytes.fromhex(terminal_no)),
        management=SamManagement(1, issuer, issuer, *validity),
        purchase_versions=(1, 2),
    )

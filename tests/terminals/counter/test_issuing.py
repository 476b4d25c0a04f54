"""A card is issued at the counter: what is asked in which order, what is refused, and that nothing is ever half done."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from PIL import Image

from accounts.errors import (
    ApplicationBegun,
    CardAlreadyHeld,
    CardNotForThis,
    GuardianRequired,
    IllegalApplicationStep,
    LevelTooLow,
    NotReplaceable,
    PaymentChanged,
    PersonPerhapsKnown,
    PhotoMissing,
    PhotoRefused,
    StockMismatch,
)
from accounts.models import (
    Card,
    CardProduct,
    Citizen,
    Consent,
    IssueApplication,
    Journal,
    Replacement,
    StockItem,
    StockProposal,
)
from accounts.selectors.invariants import broken
from accounts.services import issuing
from accounts.services.drawers import count_drawer, open_drawer
from accounts.services.guardians import appoint_guardian
from accounts.services.papers import Paper, read_paper
from accounts.services.verification import set_level
from citizencard.core.errors import KeyServiceUnavailable
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry, BusinessDay
from terminals.card.errors import CardRemoved
from terminals.errors import UnknownChip
from terminals.models import HotListEntry
from terminals.readers.memory import MemoryTransport
from terminals.services.hotlist import report_loss
from terminals.services.issuing import write_card
from terminals.simulator.chip import Chip
from tests.accounts.stock.shelf import Places, open_places
from tests.factories import CLERK, NOON, document_number, fill_purse, make_citizen, make_product
from tests.terminals.chips import PIN, blank_chip
from tests.terminals.stocked import stocked

pytestmark = pytest.mark.django_db
TEXT = "本人同意办理并使用市民卡。"


@dataclass
class Desk:
    """A clerk at a hall with five cards of a product in stock."""

    places: Places
    product: CardProduct
    cards: list[tuple[Card, Chip]]

    def begin(self, document: str = "", **changes: Any) -> IssueApplication:
        return issuing.begin_issue(
            product=self.product, hall=self.places.hall, clerk=CLERK, paper=paper(document), **changes
        )

    def paid(self, document: str = "", **person: Any) -> IssueApplication:
        """As far as the payment."""
        return self.through(self.begin(document), **person)

    def replacement(self, card: Card, cause: str) -> IssueApplication:
        return issuing.begin_replacement(card=card, cause=cause, hall=self.places.hall, clerk=CLERK)

    def through(self, application: IssueApplication, **person: Any) -> IssueApplication:
        """What is asked of a person, and the payment."""
        if application.state == "draft":
            told = {} if application.citizen_id else {"name": "林美玲", "phone": ""} | person
            application = issuing.check_person(application=application, **told)
        if application.state == "checked":
            application = issuing.record_agreement(application=application, text=TEXT)
        return issuing.take_payment(application=application)

    def write(self, application: IssueApplication, number: int = 0) -> IssueApplication:
        return write_card(application=application, transport=MemoryTransport(self.cards[number][1]), pin=PIN)


def paper(document: str) -> Paper | None:
    return read_paper("resident_id", document, "", None, "counter") if document else None


@pytest.fixture
def desk(open_day: BusinessDay, demo_keys: KeyStore) -> Desk:
    places, product = open_places(), make_product(real_name=True, price_fen=1_500, deposit_fen=500)
    return Desk(places, product, stocked(demo_keys, places, product, 3))


def picture(size: tuple[int, int] = (800, 1_000), kind: str = "JPEG", **how: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "#7799aa").save(file, kind, **how)
    return file.getvalue()


def test_somebody_new_leaves_with_an_active_card(desk: Desk) -> None:
    number = document_number()
    application = desk.begin(number)
    assert (application.state, Citizen.objects.count()) == ("draft", 0)
    application = desk.paid(number)
    assert not Citizen.objects.exists()
    assert not Consent.objects.exists()
    assert not Journal.objects.filter(kind="card_sale").exists()
    application = desk.write(application)
    card, citizen = Card.objects.get(pk=application.card_id), Citizen.objects.get()
    assert (card.state, card.citizen, card.stock_item.state) == ("active", citizen, StockItem.State.ISSUED)
    assert (card.price_fen, card.deposit_fen) == (1_500, 500)
    assert Journal.objects.get(kind="card_sale").actor == CLERK
    assert citizen.consents.get().purpose == Consent.Purpose.CARD
    assert (application.state, application.person_sealed, application.consent_text) == ("issued", None, TEXT)
    assert application.step == application.steps > 10
    assert desk.write(application) == application
    assert Journal.objects.filter(kind="card_sale").count() == 1
    assert broken() == []


def test_the_application_holds_nobody_in_clear(desk: Desk) -> None:
    number = document_number()
    application = desk.paid(number, phone="13859700077")
    row = json.dumps(IssueApplication.objects.filter(pk=application.pk).values()[0], default=repr)
    assert not [clear for clear in (number, "林美玲", "13859700077") if clear in row]
    trail = json.dumps(list(AuditEntry.objects.values("detail", "subject")), default=str)
    assert number not in trail


def test_begun_again_it_is_gone_on_with_and_cancelled_it_leaves_no_trace(desk: Desk) -> None:
    number = document_number()
    application = desk.paid(number)
    assert desk.begin(number) == application
    other = issuing.begin_issue(product=desk.product, hall=desk.places.hall, clerk="li", paper=paper(number))
    assert other != application
    application = issuing.cancel_issue(application=application, reason="不办了")
    assert (application.state, application.person_sealed) == ("cancelled", None)
    assert (application.document_index, application.document_mask, application.name_mask) == (None, "", "")
    assert issuing.cancel_issue(application=application, reason="again") == application
    assert not Citizen.objects.exists()
    assert not Consent.objects.exists()
    assert Card.objects.exclude(state="blank").count() == 0
    with pytest.raises(IllegalApplicationStep):
        desk.write(application)
    assert desk.begin(number) != application


def test_who_has_such_a_card_gets_none(desk: Desk) -> None:
    number = document_number()
    desk.write(desk.paid(number))
    with pytest.raises(CardAlreadyHeld):
        desk.begin(number)


def test_who_is_not_known_well_enough_gets_none(desk: Desk) -> None:
    number = document_number()
    citizen = make_citizen(document_number=number)
    set_level(citizen=citizen, level=1, proof="data", actor="li", occurred_at=NOON)
    with pytest.raises(LevelTooLow):
        desk.begin(number)


def test_people_of_the_same_name_are_shown_first(desk: Desk) -> None:
    number = document_number()
    known = make_citizen(document_number=number, name="林美玲")
    passport = read_paper("passport", "E12345678", "SGP", date(2090, 1, 1), "counter")
    application = issuing.begin_issue(
        product=desk.product, hall=desk.places.hall, clerk=CLERK, paper=passport
    )
    with pytest.raises(PersonPerhapsKnown) as refusal:
        issuing.check_person(application=application, name="林美玲")
    assert refusal.value.data["people"] == [known]
    assert issuing.check_person(application=application, name="林美玲", birth_date=date(1990, 1, 1)).state
    other = desk.begin(document_number())
    assert issuing.check_person(application=other, name="林美玲", is_new=True).state == "checked"


def test_a_child_is_asked_for_by_its_guardian(desk: Desk) -> None:
    passport = read_paper("passport", "E12345678", "SGP", date(2090, 1, 1), "counter")
    application = issuing.begin_issue(
        product=desk.product, hall=desk.places.hall, clerk=CLERK, paper=passport
    )
    with pytest.raises(GuardianRequired):
        issuing.check_person(application=application, name="林小明", birth_date=date(2022, 1, 1))
    mother, child = (
        make_citizen(),
        make_citizen(
            consent=False,
            document_kind="taiwan_pass",
            document_number="01234567",
            birth_date=date(2022, 1, 1),
        ),
    )
    application = issuing.begin_issue(product=desk.product, hall=desk.places.hall, clerk=CLERK, citizen=child)
    application = issuing.check_person(application=application)
    with pytest.raises(GuardianRequired):
        issuing.record_agreement(application=application, text=TEXT)
    appoint_guardian(guardian=mother, ward=child, proof="户口簿", actor=CLERK, occurred_at=NOON)
    application = issuing.record_agreement(application=application, text=TEXT, guardian=mother)
    desk.write(issuing.take_payment(application=application))
    assert child.consents.get().guardian == mother


def test_a_drawer_is_not_counted_while_money_in_it_is_not_booked(desk: Desk) -> None:
    drawer = open_drawer(clerk=CLERK, hall=desk.places.hall, pieces={})
    application = desk.paid(document_number())
    with pytest.raises(ApplicationBegun):
        count_drawer(session=drawer, pieces={}, actor=CLERK)
    issuing.cancel_issue(application=application, reason="went home")
    assert count_drawer(session=drawer, pieces={}, actor=CLERK).counted_fen == 0


def test_the_order_of_the_steps_is_kept(desk: Desk) -> None:
    application = desk.begin(document_number())
    for step in (
        lambda: issuing.take_payment(application=application),
        lambda: issuing.record_agreement(application=application, text=TEXT),
        lambda: issuing.add_photo(application=application, content=picture()),
        lambda: issuing.spoil_card(application=application, reason="?"),
        lambda: issuing.finish_issue(application=application),
        lambda: desk.write(application),
    ):
        with pytest.raises(IllegalApplicationStep):
            step()
    application.refresh_from_db()
    assert application.state == "draft"
    assert not Citizen.objects.exists()


def test_a_photograph_is_drawn_anew_and_sealed(desk: Desk) -> None:
    make_product(real_name=True, photo_needed=True)
    application = desk.begin(document_number())
    issuing.check_person(application=application, name="林美玲")
    issuing.record_agreement(application=application, text=TEXT)
    with pytest.raises(PhotoMissing):
        issuing.take_payment(application=application)
    secret = picture(comment=b"GPS 24.9 118.6")
    application = issuing.add_photo(application=application, content=secret)
    kept = base64.b64decode(issuing.photo_of(application))
    with Image.open(io.BytesIO(kept)) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (358, 441))
    assert b"GPS" not in kept
    assert b"JFIF" not in bytes(application.photo_sealed or b"")
    assert issuing.take_payment(application=application).state == "paid"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture(kind="GIF"),
        picture((100, 100)),
        picture()[:-3_000],
        picture()[:500],
        picture((20_000, 20_000), "PNG"),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        picture() + bytes(5_000_000),
    ],
    ids=["empty", "svg", "gif", "small", "cut", "heading", "bomb", "broken", "large"],
)
def test_what_is_no_photograph_is_refused(content: bytes) -> None:
    from accounts.services.photos import portrait

    with pytest.raises(PhotoRefused):
        portrait(content)


@pytest.mark.parametrize("apdus", [1, 8, 20, 45, 70])
def test_a_card_pulled_while_it_is_written_is_finished_with_the_same_card(desk: Desk, apdus: int) -> None:
    application = desk.paid(document_number())
    with pytest.raises(CardRemoved):
        write_card(application=application, transport=Pulled(desk.cards[0][1], apdus), pin=PIN)
    application.refresh_from_db()
    assert application.state in ("paid", "writing")
    assert not Journal.objects.filter(kind="card_sale").exists()
    if application.state == "writing":
        with pytest.raises(CardNotForThis, match="已为此人开始写另一张卡"):
            desk.write(application, 1)
    assert desk.write(application).state == "issued"
    assert Journal.objects.filter(kind="card_sale").count() == 1
    assert StockItem.objects.filter(state="issued").count() == 1
    assert broken() == []


class Pulled(MemoryTransport):
    """The card is taken away after so many commands."""

    def __init__(self, chip: Chip, apdus: int) -> None:
        super().__init__(chip)
        self._left = apdus

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self._left -= 1
        if not self._left:
            self.remove()
        return super().transmit(apdu)


def test_a_spoiled_card_is_scrapped_by_two_and_another_is_taken_for_the_same_money(desk: Desk) -> None:
    application = desk.paid(document_number())
    with pytest.raises(CardRemoved):
        write_card(application=application, transport=Pulled(desk.cards[0][1], 30), pin=PIN)
    application = issuing.spoil_card(application=application, reason="芯片损坏")
    proposal = StockProposal.objects.get()
    assert (proposal.first, proposal.kind, proposal.maker) == (desk.cards[0][0].pan, "scrapped", CLERK)
    with pytest.raises(CardNotForThis, match="请留下此卡"):
        desk.write(application, 0)
    assert desk.write(application, 1).state == "issued"
    assert Journal.objects.filter(kind="card_sale").count() == 1
    assert Card.objects.get(pk=desk.cards[0][0].pk).state == "closed"
    assert broken() == []


def test_cancelled_while_it_is_written_the_card_is_scrapped_and_the_consent_withdrawn(desk: Desk) -> None:
    application = desk.paid(document_number())
    with pytest.raises(CardRemoved):
        write_card(application=application, transport=Pulled(desk.cards[0][1], 30), pin=PIN)
    application.refresh_from_db()
    application = issuing.cancel_issue(application=application, reason="等不及")
    assert (application.state, application.card) == ("cancelled", None)
    assert Consent.objects.get().withdrawn_at is not None
    assert StockProposal.objects.get().first == desk.cards[0][0].pan
    assert not Journal.objects.filter(kind="card_sale").exists()
    assert broken() == []


def test_what_does_not_belong_on_the_reader_is_told(desk: Desk, demo_keys: KeyStore) -> None:
    application = desk.paid(document_number())

    def put(chip: Chip) -> IssueApplication:
        return write_card(application=application, transport=MemoryTransport(chip), pin=PIN)

    with pytest.raises(UnknownChip):
        put(blank_chip(demo_keys))
    [(_card, anonymous)] = stocked(demo_keys, desk.places, make_product(), 1)
    with pytest.raises(CardNotForThis, match="不记名通用卡"):
        put(anonymous)
    [(_card, elsewhere)] = stocked(demo_keys, desk.places, desk.product, 1, delivered=False)
    with pytest.raises(StockMismatch, match="bureau"):
        put(elsewhere)
    desk.write(desk.paid(document_number()), 2)
    with pytest.raises(CardNotForThis, match="请留下此卡"):
        put(desk.cards[2][1])
    application.refresh_from_db()
    assert (application.state, Citizen.objects.count()) == ("paid", 1)


def test_another_price_than_was_taken_is_settled_first(desk: Desk) -> None:
    application = desk.paid(document_number())
    make_product(real_name=True, price_fen=2_000)
    with pytest.raises(PaymentChanged, match=r"已收 20\.00 元，现应收 25\.00 元"):
        desk.write(application)
    assert not Citizen.objects.exists()
    application = issuing.take_payment(application=application)
    assert desk.write(application).state == "issued"


def test_an_anonymous_card_asks_for_nobody(desk: Desk, demo_keys: KeyStore) -> None:
    product = make_product()
    [(card, chip)] = stocked(demo_keys, desk.places, product, 1)
    application = issuing.begin_issue(product=product, hall=desk.places.hall, clerk=CLERK)
    assert application.state == "consented"
    assert issuing.begin_issue(product=product, hall=desk.places.hall, clerk=CLERK) == application
    application = issuing.take_payment(application=application)
    assert write_card(application=application, transport=MemoryTransport(chip), pin=PIN).card == card
    assert Card.objects.get(pk=card.pk).citizen is None
    assert broken() == []


def test_without_the_key_service_nothing_is_begun(desk: Desk, settings: Any) -> None:
    asked = paper(document_number())
    settings.KEY_SERVICE_SOCKET = "/nowhere/keys.sock"
    with pytest.raises(KeyServiceUnavailable):
        issuing.begin_issue(product=desk.product, hall=desk.places.hall, clerk=CLERK, paper=asked)
    assert not IssueApplication.objects.exists()


def test_a_lost_card_is_replaced_by_one_of_the_stock(desk: Desk) -> None:
    number = document_number()
    old = desk.write(desk.paid(number)).card
    assert old is not None
    fill_purse(old, 4_200)
    report_loss(card=old, actor=CLERK, reason="lost", occurred_at=NOON)
    begun = desk.replacement(old, "lost")
    assert desk.replacement(old, "lost") == begun
    application = desk.through(begun)
    assert (application.price_fen, application.deposit_fen) == (1_500, 500)
    with pytest.raises(CardRemoved):
        write_card(application=application, transport=Pulled(desk.cards[1][1], 30), pin=PIN)
    assert not Replacement.objects.exists()
    application = desk.write(application, 1)
    replacement = Replacement.objects.get()
    assert (replacement.old, replacement.new, replacement.fee_fen) == (old, application.card, 1_500)
    states = dict(Card.objects.values_list("pk", "state"))
    assert (states[old.pk], states[replacement.new_id]) == ("replaced", "active")
    assert broken() == []


def test_a_card_that_failed_is_replaced_for_nothing_and_listed(desk: Desk, demo_keys: KeyStore) -> None:
    product = make_product()
    pairs = stocked(demo_keys, desk.places, product, 2)
    application = issuing.begin_issue(product=product, hall=desk.places.hall, clerk=CLERK)
    old = write_card(
        application=issuing.take_payment(application=application),
        transport=MemoryTransport(pairs[0][1]),
        pin=PIN,
    ).card
    assert old is not None
    with pytest.raises(NotReplaceable):
        desk.replacement(old, "lost")
    application = issuing.take_payment(application=desk.replacement(old, "damaged"))
    assert (application.price_fen, application.deposit_fen) == (0, 1_000)
    application = write_card(application=application, transport=MemoryTransport(pairs[1][1]), pin=PIN)
    assert HotListEntry.objects.get(removed_at=None).pan == old.pan
    assert Card.objects.get(pk=application.card_id).price_fen == 0
    assert broken() == []

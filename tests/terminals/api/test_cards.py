"""A card on a terminal's reader: what is told of it, and top-ups that go onto it in two steps, whatever is lost between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import requests
from django.http import HttpResponse

from accounts.models import Card, Purse, TopUpOrder
from accounts.selectors import invariants as ledger
from accounts.services.ledger import set_account_state
from citizencard.core.keyservice.keystore import KeyStore
from terminals.card.errors import TransportError
from terminals.card.profile import T_UNION
from terminals.card.purse import PurseSession
from terminals.program.client import CentreClient
from terminals.program.errors import CentreUnavailable
from terminals.program.loading import load_waiting
from terminals.readers.memory import MemoryTransport
from terminals.services.fleet import suspend_terminal
from terminals.services.hotlist import report_loss
from terminals.services.online import pace
from terminals.simulator.chip import Chip
from tests.factories import NOON
from tests.terminals.chips import PIN, issued_card, paid_order
from tests.terminals.counter.test_counter import Forgetful, TornSlot
from tests.terminals.field import Field, InProcess

pytestmark = pytest.mark.django_db
CREDIT_FOR_LOAD = 0x52


class LosingLine(InProcess):
    """A line that carries a request to the centre and loses its answer, once for each path named."""

    def __init__(self, *lost: str) -> None:
        super().__init__()
        self.lost = list(lost)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        answer = super().send(request, *args, **kwargs)
        for path in self.lost:
            if str(request.url).endswith(path):
                self.lost.remove(path)
                raise requests.ConnectionError("lost")
        return answer


@dataclass
class Reader:
    """A terminal with a line, a card that has a top-up waiting, and its chip."""

    field: Field
    card: Card
    chip: Chip
    order: TopUpOrder

    def load(self, transport: MemoryTransport | None = None, line: InProcess | None = None) -> list[str]:
        """What the terminal program does with a card that is put down."""
        session = requests.Session()
        session.mount("http://testserver", line or InProcess())
        centre = CentreClient("http://testserver", self.field.terminal.code, self.field.private_key, session)
        slot = transport or MemoryTransport(self.chip)
        number = self.field.terminal.terminal_no
        return load_waiting(purse=PurseSession(slot), centre=centre, terminal_no=number, pin=PIN)

    def initialised(self, amount_fen: int, field: Field | None = None) -> dict[str, Any]:
        """The chip's answer to INITIALIZE FOR LOAD."""
        purse = PurseSession(MemoryTransport(self.chip))
        card_no = T_UNION.card_number(purse.identify())
        purse.verify_pin(PIN)
        number = (field or self.field).terminal.terminal_no
        init = purse.init_load(amount_fen, bytes.fromhex(number))
        return {
            "card_no": card_no, "balance_fen": init.balance_fen, "online_atc": init.online_atc,
            "key_version": init.key_version, "rand": init.rand.hex().upper(), "mac1": init.mac1.hex().upper(),
        }  # fmt: skip

    @property
    def state(self) -> str:
        """Where the order stands."""
        return TopUpOrder.objects.get(pk=self.order.pk).state

    @property
    def balances(self) -> tuple[int, int]:
        """On the chip and by the books."""
        purse = PurseSession(MemoryTransport(self.chip))
        purse.select()
        return purse.balance_fen(), Purse.objects.get(card=self.card, kind="chip").balance_fen


@pytest.fixture
def reader(field: Field, demo_keys: KeyStore) -> Iterator[Reader]:
    """50 yuan wait for the card."""
    card, chip = issued_card(demo_keys)
    yield Reader(field, card, chip, paid_order(card, 5_000))
    assert ledger.broken() == []


def code(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, response.json().get("code")  # type: ignore[attr-defined]


def test_the_program_finds_what_waits_and_puts_it_on(reader: Reader) -> None:
    second = paid_order(reader.card, 1_000)
    assert reader.load() == [reader.order.number, second.number]
    assert (reader.state, reader.balances) == ("confirmed", (6_000, 6_000))
    assert reader.load() == []


def test_the_same_step_again_gets_the_same_bytes(reader: Reader) -> None:
    chip = reader.initialised(5_000) | {"order": reader.order.number}
    first, again = (reader.field.post_json("/api/v1/loads", chip) for _ in range(2))
    assert (first.status_code, first.content) == (200, again.content)
    assert reader.state == "loaded"
    purse = PurseSession(MemoryTransport(reader.chip))
    purse.select()
    purse.verify_pin(PIN)
    fresh = purse.init_load(5_000, bytes.fromhex(reader.field.terminal.terminal_no))
    renewed = chip | {"rand": fresh.rand.hex().upper(), "mac1": fresh.mac1.hex().upper()}
    told = reader.field.post_json("/api/v1/loads", renewed).json()  # type: ignore[attr-defined]
    tac = purse.credit_for_load(datetime.fromisoformat(told["when"]), bytes.fromhex(told["mac2"]))
    proof = {"card_no": reader.card.pan, "tac": tac.hex().upper()}
    path = f"/api/v1/loads/{reader.order.number}/confirmation"
    first, again = (reader.field.post_json(path, proof) for _ in range(2))
    assert (first.status_code, first.content) == (200, again.content)
    assert reader.balances == (5_000, 5_000)


@pytest.mark.parametrize("lost", ["/loads", "/confirmation"])
def test_a_lost_answer_is_made_good_the_next_time(reader: Reader, lost: str) -> None:
    with pytest.raises(CentreUnavailable):
        reader.load(line=LosingLine(lost))
    assert reader.load() in ([], [reader.order.number])
    assert (reader.state, reader.balances) == ("confirmed", (5_000, 5_000))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("slot", [MemoryTransport, Forgetful])
def test_a_card_torn_between_the_steps_is_settled_by_its_next_load(
    reader: Reader, slot: type[MemoryTransport], after: bool
) -> None:
    with pytest.raises(TransportError):
        reader.load(TornSlot(reader.chip, CREDIT_FOR_LOAD, after=after))
    assert reader.state == "loaded"
    assert reader.load(slot(reader.chip)) == [reader.order.number]
    assert (reader.state, reader.balances) == ("confirmed", (5_000, 5_000))


def test_no_answer_from_the_chip_leaves_the_order_open(reader: Reader) -> None:
    chip = reader.initialised(5_000) | {"order": reader.order.number}
    reader.field.post_json("/api/v1/loads", chip)
    path = f"/api/v1/loads/{reader.order.number}/confirmation"
    told = reader.field.post_json(path, {"card_no": reader.card.pan, "tac": None}).json()  # type: ignore[attr-defined]
    assert (told["state"], told["reason"]["code"]) == ("loaded", "load_open")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mac1": "00000000"}, (422, "load_refused")),
        ({"balance_fen": 1}, (422, "load_refused")),
        ({"online_atc": 7}, (422, "load_refused")),
        ({"card_no": "9" * 19}, (404, "not_found")),
        ({"order": "TU0"}, (404, "not_found")),
        ({"rand": "xx"}, (400, "invalid_request")),
    ],
)
def test_nothing_is_authorised_for_a_chip_that_does_not_prove_itself(
    reader: Reader, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    chip = reader.initialised(5_000) | {"order": reader.order.number} | change
    assert code(reader.field.post_json("/api/v1/loads", chip)) == expected
    assert reader.state == "paid"


def test_a_mac_made_at_another_terminal_or_over_another_amount_is_none(
    reader: Reader, demo_keys: KeyStore
) -> None:
    other = Field.install(demo_keys)
    order = {"order": reader.order.number}
    for chip in reader.initialised(5_000, other), reader.initialised(4_999):
        assert code(reader.field.post_json("/api/v1/loads", chip | order)) == (422, "load_refused")


def test_a_wrong_tac_confirms_nothing(reader: Reader) -> None:
    chip = reader.initialised(5_000) | {"order": reader.order.number}
    reader.field.post_json("/api/v1/loads", chip)
    path = f"/api/v1/loads/{reader.order.number}/confirmation"
    wrong = reader.field.post_json(path, {"card_no": reader.card.pan, "tac": "00000000"})
    assert code(wrong) == (422, "load_not_proven")
    assert reader.state == "loaded"


def test_a_key_version_that_never_was_is_a_refusal(reader: Reader) -> None:
    chip = reader.initialised(5_000) | {"order": reader.order.number, "key_version": 99}
    assert reader.field.post_json("/api/v1/loads", chip).status_code in (409, 422)


def test_a_suspended_terminal_takes_no_cards(reader: Reader) -> None:
    suspend_terminal(terminal=reader.field.terminal, actor="clerk", reason="repair")
    chip = reader.initialised(5_000)
    asked = reader.field.post_json("/api/v1/inquiries", chip | {"amount_fen": 5_000})
    begun = reader.field.post_json("/api/v1/loads", chip | {"order": reader.order.number})
    assert [code(asked), code(begun)] == [(409, "terminal_suspended")] * 2


def inquiry(reader: Reader, **changes: Any) -> HttpResponse:
    return reader.field.post_json("/api/v1/inquiries", reader.initialised(1) | {"amount_fen": 1} | changes)


def test_a_card_on_the_reader_is_told_its_balance_and_what_waits(reader: Reader) -> None:
    told = inquiry(reader).json()  # type: ignore[attr-defined]
    waiting = [{"order": reader.order.number, "amount_fen": 5_000, "unfinished_atc": None}]
    assert {name: told[name] for name in ("state", "balance_fen", "waiting_fen", "waiting")} == {
        "state": "open", "balance_fen": 0, "waiting_fen": 5_000, "waiting": waiting,
    }  # fmt: skip


def test_a_card_number_alone_gets_no_answer(reader: Reader) -> None:
    assert code(inquiry(reader, mac1="00000000")) == (422, "load_refused")
    assert code(inquiry(reader, amount_fen=2)) == (422, "load_refused")
    assert code(inquiry(reader, card_no="9" * 19)) == (404, "not_found")


def test_of_a_lost_card_only_that_is_told(reader: Reader) -> None:
    report_loss(card=reader.card, actor="clerk", reason="lost", occurred_at=NOON)
    told = inquiry(reader).json()  # type: ignore[attr-defined]
    assert (told["state"], told["balance_fen"], told["waiting_fen"], told["waiting"]) == (
        "listed", None, None, [],
    )  # fmt: skip
    begun = reader.initialised(5_000) | {"order": reader.order.number}
    assert code(reader.field.post_json("/api/v1/loads", begun)) == (409, "card_not_active")


def test_a_frozen_purse_refuses_the_confirmation_and_nothing_moves(reader: Reader) -> None:
    chip = reader.initialised(5_000) | {"order": reader.order.number}
    reader.field.post_json("/api/v1/loads", chip)
    set_account_state(account=reader.card.purse.account, state="frozen", actor="a", reason="court")
    set_account_state(account=reader.card.purse.account, state="open", actor="a", reason="over")
    assert reader.load() == [reader.order.number]


def test_lists_cannot_be_read_out(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PER_MINUTE", 2)
    asked = [inquiry(reader, mac1="00000000") for _ in range(3)]
    assert [one.status_code for one in asked] == [422, 422, 429]
    assert asked[-1].json()["seconds"] == "30"  # type: ignore[attr-defined]

"""The city as every run finds it: three products, cards with their chips, terminals with SAMs, passes, an agent, a payer."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from accounts.models import Card, CardProduct, LedgerAccount, Purse
from accounts.services import agents, cards, limits, passes, subsidies
from accounts.services.refund_policies import publish_refund_policy
from citizencard.core.calendar import open_business_day, shanghai
from citizencard.core.keyservice.keystore import KeyStore
from terminals.card.apdu import InsufficientBalance
from terminals.card.crypto import TransactionType
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.models import Merchant
from terminals.readers.memory import MemoryTransport
from terminals.services.counter import personalise_card
from terminals.simulator.chip import Chip
from terminals.wire.record import TapRecord
from tests.factories import CLERK, make_citizen, make_product
from tests.terminals.chips import PIN, blank_chip, sam_for
from tests.terminals.field import Field, make_merchant

OVERDRAFT_FEN = 500
DEPOSIT_FEN, PRICE_FEN = 1_000, 800
FEE_FEN, DAMAGE_FEN = 150, 300
AGENT, KIOSK, PAYER = "A1", "K1", "MZJ"
AGENT_LIMIT_FEN = 60_000
LEGAL = "test"


@dataclass
class Holder:
    """A card in somebody's hand: the chip, what it has paid without the books knowing, and what it was tampered by."""

    card: Card
    chip: Chip
    purse_id: int
    account_id: int | None
    unbooked_fen: int = 0
    forged_fen: int = 0
    closed: bool = False
    pocketed: list[TapRecord] = field(default_factory=list)
    uploaded: list[TapRecord] = field(default_factory=list)

    def copied(self) -> Holder:
        """The same at the beginning of another run."""
        return replace(self, chip=copy.deepcopy(self.chip), pocketed=[], uploaded=[])

    def purchase(self, desk: Desk, amount_fen: int, when: datetime) -> TapRecord | None:
        """The chip pays at a terminal; None when it has not so much."""
        session = PurseSession(MemoryTransport(self.chip))
        info = session.select().public_info
        assert info is not None
        terminal_no = bytes.fromhex(desk.field.terminal.terminal_no)
        try:
            init = session.init_purchase(amount_fen, terminal_no)
        except InsufficientBalance:
            return None
        kind, local = TransactionType.PURCHASE, shanghai(when).replace(tzinfo=None)
        debit = desk.sam.init_for_purchase(
            init, amount_fen=amount_fen, kind=kind, when=local, card_serial8=info.serial8
        )
        proof = session.debit_for_purchase(debit.terminal_seq, local, debit.mac1)
        desk.sam.credit(proof.mac2)
        return TapRecord(
            terminal_no=desk.field.terminal.terminal_no,
            terminal_seq=debit.terminal_seq,
            card_no=self.card.pan,
            atc=init.offline_atc,
            type=int(kind),
            amount_fen=amount_fen,
            balance_fen=init.funds_fen - amount_fen,
            occurred_at=shanghai(when),
            tac=proof.tac.hex().upper(),
            key_version=init.key_version,
        )


@dataclass
class Desk:
    """A terminal of a merchant, its SAM open."""

    field: Field
    sam: SamSession


@dataclass
class City:
    """What `found_city` has made; `start` is its first instant."""

    keys: KeyStore
    start: datetime
    products: list[CardProduct]
    holders: list[Holder]
    desks: list[Desk]
    payer: LedgerAccount

    @property
    def today(self) -> date:
        return shanghai(self.start).date()


def found_city(keys: KeyStore, start: datetime) -> City:
    """Nine cards, three of each product: blank in the books, their chips ready. Nothing has been paid yet."""
    today = shanghai(start).date()
    open_business_day(today)
    products = [
        make_product(code="anonymous", price_fen=PRICE_FEN, deposit_fen=DEPOSIT_FEN),
        make_product(
            code="citizen",
            real_name=True,
            price_fen=PRICE_FEN,
            deposit_fen=DEPOSIT_FEN,
            balance_limit_fen=60_000,
            account_limit_fen=80_000,
        ),
        make_product(
            code="rider",
            price_fen=0,
            deposit_fen=DEPOSIT_FEN,
            overdraft_fen=OVERDRAFT_FEN,
            balance_limit_fen=30_000,
            account_limit_fen=20_000,
        ),
    ]
    for product in products:
        publish_refund_policy(
            product=product,
            valid_from=today - timedelta(days=100),
            legal_basis=LEGAL,
            redeemable=True,
            waiting_days=2,
            sla_days=7,
            no_reason_days=7 if product.code == "anonymous" else 0,
            fee_fen=FEE_FEN,
            damage_fee_fen=DAMAGE_FEN,
            cash_limit_fen=10_000,
            actor="finance",
        )
    _publish_rules(today)
    payer = subsidies.open_subsidy_payer(code=PAYER, name="民政局", actor="finance")
    agents.save_agent(code=AGENT, name="便利店", credit_limit_fen=AGENT_LIMIT_FEN, actor="finance")
    merchants = (make_merchant("BUS", fee_basis_points=50), make_merchant("SHOP", "shop", 137))
    desks = [_desk(keys, f"T-{merchant.code}", merchant) for merchant in merchants]
    holders = [_holder(keys, product) for product in products for _ in range(3)]
    return City(keys, start, products, holders, desks, payer)


def _publish_rules(today: date) -> None:
    limits.publish_limit(
        code="day",
        measure="daily",
        operation="payment",
        limit_fen=30_000,
        valid_from=today,
        legal_basis=LEGAL,
        actor="finance",
    )
    terms: dict[str, Any] = {
        "channels": ["bus"],
        "operator": "bus",
        "operator_name": "公交集团",
        "legal_basis": LEGAL,
        "valid_from": today,
        "actor": "finance",
    }
    passes.publish_pass_product(
        code="ten", name="十次卡", kind="times", price_fen=1_003, rides=10, validity_days=20,
        refund="pro_rata", refund_fee_fen=100, unused="income", **terms,
    )  # fmt: skip
    passes.publish_pass_product(
        code="days", name="周卡", kind="annual", price_fen=2_001, validity_days=7,
        refund="pro_rata", unused="operator", **terms,
    )  # fmt: skip


def _desk(keys: KeyStore, code: str, merchant: Merchant) -> Desk:
    installed = Field.install(keys, code, merchant)
    sam = SamSession(sam_for(keys, installed.terminal.terminal_no))
    sam.open()
    return Desk(installed, sam)


def _holder(keys: KeyStore, product: CardProduct) -> Holder:
    citizen = make_citizen() if product.real_name else None
    card = cards.order_card(product=product, citizen=citizen, actor=CLERK, valid_from=date(2026, 3, 1))
    chip = blank_chip(keys)
    personalise_card(card=card, transport=MemoryTransport(chip), pin=PIN, actor=CLERK)
    if product.overdraft_fen:  # the chip counts what it may overdraw as money of its own
        chip.commit(balance_fen=product.overdraft_fen, overdraft_limit_fen=product.overdraft_fen)
    purses = dict(Purse.objects.filter(card=card).values_list("kind", "pk"))
    return Holder(card, chip, purses["chip"], purses.get("account"))

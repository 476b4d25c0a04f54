"""Rides on the chip: paid offline with real chips and SAMs, uploaded late, twice, mixed up; cards lost, cloned, tampered with."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts.models import Card, LedgerAccount, Purse, TopUpOrder
from accounts.services.ledger import set_account_state
from terminals.models import Batch, HotListEntry, Tap
from terminals.services.acceptance import accept_batch, accept_tap
from terminals.services.hotlist import report_loss
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.accounts.machine.base import CityMachine, crashes, made, numbers
from tests.accounts.machine.city import OVERDRAFT_FEN, Desk, Holder

ACCEPTED, HOT_LISTED = Tap.Outcome.ACCEPTED, Tap.Outcome.HOT_LISTED
CONFLICT, OVER_BALANCE = Tap.Outcome.COUNTER_CONFLICT, Tap.Outcome.OVER_BALANCE


class RideSteps(CityMachine):
    """Offline purchases and what becomes of them."""

    @rule(number=numbers, desk=st.integers(0, 1), fares=st.lists(st.integers(0, 900), min_size=1, max_size=4))
    def rides(self, number: int, desk: int, fares: list[int]) -> None:
        """The chip pays; the terminal keeps the records."""
        holder = self.holder(number, Card.State.ACTIVE, Card.State.LOST)
        for fare_fen in fares if holder else ():
            record = holder.purchase(self.city.desks[desk], fare_fen, self.tick())  # type: ignore[union-attr]
            if holder and record:
                holder.pocketed.append(record)
                holder.unbooked_fen += fare_fen

    @made("ride")
    @rule(
        desk=st.integers(0, 1), chosen=st.randoms(use_true_random=False), crash=crashes, again=st.booleans()
    )
    def uploaded(self, desk: int, chosen: Random, crash: int | None, again: bool) -> None:
        """Some of what a terminal holds, in any order, with some it has sent before."""
        at = self.city.desks[desk]
        kept = [(h, r) for h in self.holders for r in h.pocketed if r.terminal_no == _number(at)]
        known = [(h, r) for h in self.holders for r in h.uploaded if r.terminal_no == _number(at)]
        fresh = chosen.sample(kept, chosen.randint(0, len(kept)))
        sent = fresh + chosen.sample(known, min(len(known), chosen.randint(0, 2)))
        chosen.shuffle(sent)
        if sent:
            self.upload(at, sent, fresh, crash, again)

    def upload(
        self,
        at: Desk,
        sent: list[tuple[Holder, TapRecord]],
        fresh: list[tuple[Holder, TapRecord]],
        crash: int | None,
        again: bool,
    ) -> None:
        body = build_batch(self.key(), [record for _, record in sent])
        batch = self.do(lambda: accept_batch(terminal=at.field.terminal, body=body), crash=crash, again=again)
        assert batch.duplicate == len(sent) - len(fresh)
        assert batch.rejected == 0
        for holder, record in fresh:
            holder.pocketed.remove(record)
            holder.uploaded.append(record)
        self.book_taps(batch)

    @made("ride")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def uploaded_at_once(self, number: int, crash: int | None, again: bool) -> None:
        kept = [(h, r) for h in self.holders for r in h.pocketed]
        if not kept:
            return
        holder, record = kept[number % len(kept)]
        at = next(desk for desk in self.city.desks if _number(desk) == record.terminal_no)
        body = record.to_json().encode()
        batch = self.do(lambda: accept_tap(terminal=at.field.terminal, body=body), crash=crash, again=again)
        holder.pocketed.remove(record)
        holder.uploaded.append(record)
        self.book_taps(batch)

    @made("upload")
    @rule(number=numbers, amount_fen=st.integers(1, 900))
    def cloned(self, number: int, amount_fen: int) -> None:
        """A copy of a chip pays with a counter that has paid before: nobody gets anything until somebody decides."""
        known = [(h, r) for h in self.holders for r in h.uploaded]
        if not known:
            return
        _, record = known[number % len(known)]
        at = next(desk for desk in self.city.desks if _number(desk) == record.terminal_no)
        when = replace(
            record, occurred_at=record.occurred_at, amount_fen=amount_fen, terminal_seq=self.forged()
        )
        body = build_batch(self.key(), [at.field.sealed(when)])
        batch = self.do(lambda: accept_batch(terminal=at.field.terminal, body=body))
        assert (batch.suspended, batch.rejected, batch.duplicate) == (1, 0, 0)
        self.book_taps(batch)

    def forged(self) -> int:
        """A terminal sequence that no SAM of ours has reached."""
        self.keys += 1
        return 1_000_000 + self.keys

    def book_taps(self, batch: Batch) -> None:
        """Judge what was taken, in the chips' order, and enter it."""
        taps = Tap.objects.filter(batch_id=batch.pk, business_date=batch.business_date)
        merchant = batch.terminal.merchant.code
        by_card = {holder.card.pk: holder for holder in self.holders}
        for tap in sorted(taps, key=lambda tap: (tap.card_id, tap.atc)):
            self._book_tap(by_card[tap.card_id], tap, merchant)

    def _book_tap(self, holder: Holder, tap: Tap, merchant: str) -> None:
        if tap.outcome == CONFLICT:
            self.book.move("1221", "2241", tap.amount_fen)
            return
        pays = self.pays(holder, tap.amount_fen)
        assert tap.outcome == HOT_LISTED or tap.outcome == (ACCEPTED if pays else OVER_BALANCE)
        payee = "2241" if tap.outcome == HOT_LISTED else "2202"
        if payee == "2202":
            self.earned[merchant] += tap.amount_fen
        if pays:
            holder.unbooked_fen -= tap.amount_fen
        self.book.move(("purse", holder.purse_id) if pays else "1221", payee, tap.amount_fen)

    def pays(self, holder: Holder, amount_fen: int) -> bool:
        """The rule in a child's words: something must be there before, and the floor be kept after."""
        purse = Purse.objects.select_related("account").get(pk=holder.purse_id)
        has_fen = self.book.purse_fen(holder.purse_id)
        if amount_fen == 0:
            return True
        is_open = purse.account.state == LedgerAccount.State.OPEN
        floor_fen = -OVERDRAFT_FEN if holder.card.product_id == "rider" else 0
        return is_open and has_fen > 0 and has_fen - amount_fen >= floor_fen

    @rule(number=numbers, crash=crashes, again=st.booleans())
    def lost(self, number: int, crash: int | None, again: bool) -> None:
        if number < 6 and (holder := self.holder(number)):
            when = self.now
            self.do(
                lambda: report_loss(card=holder.card, actor="hotline", reason="lost", occurred_at=when),
                crash=crash,
                again=again,
            )
            assert HotListEntry.objects.filter(pan=holder.card.pan, removed_at=None).count() == 1

    @rule(number=numbers, frozen=st.booleans(), kind=st.sampled_from(["chip", "account"]), crash=crashes)
    def frozen_or_released(self, number: int, frozen: bool, kind: str, crash: int | None) -> None:
        """By order of a court."""
        if (holder := self.holder(number)) and (purse := holder.card.purses.filter(kind=kind).first()):
            state = LedgerAccount.State.FROZEN if frozen else LedgerAccount.State.OPEN
            self.do(
                lambda: set_account_state(account=purse.account, state=state, actor="court", reason="17"),
                crash=crash,
            )

    def follow(self) -> None:
        """Besides, no chip holds anything but what it loaded less what it paid."""
        super().follow()
        self.made["ride"] = sum(len(holder.pocketed) for holder in self.holders)
        self.made["upload"] = sum(len(holder.uploaded) for holder in self.holders)
        under_way = dict(
            TopUpOrder.objects.filter(state=TopUpOrder.State.LOADED).values_list("card_id", "amount_fen")
        )
        for holder in self.holders:
            if holder.closed:
                continue
            has_fen = (
                holder.chip.state.balance_fen - holder.chip.state.overdraft_limit_fen - holder.forged_fen
            )
            ahead_fen = has_fen + holder.unbooked_fen - self.book.purse_fen(holder.purse_id)
            assert ahead_fen in (0, under_way.get(holder.card.pk, 0))

    def settle(self) -> None:
        """The courts release what they have frozen."""
        super().settle()
        frozen = LedgerAccount.objects.filter(state=LedgerAccount.State.FROZEN)
        for account in frozen:
            set_account_state(account=account, state="open", actor="court", reason="18")


def _number(desk: Desk) -> str:
    return desk.field.terminal.terminal_no

"""One day in the demo city, from the first card of the morning to the sealed books at night."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.utils import timezone

from accounts.models import Card, PassUse, TopUpOrder
from citizencard.core.calendar import SHANGHAI, open_business_day
from citizencard.core.models import BusinessDay
from citizencard.core.money import format_yuan
from citizencard.demo.bank import pay_out
from citizencard.demo.counter import CLERK, Counter
from citizencard.demo.fleet import Fleet
from citizencard.demo.stored_value import StoredValue
from settlement.models import ClearingRun
from settlement.tasks import clear_day
from terminals.models import LossReport
from terminals.program.result import TapResult
from terminals.selectors.held import waiting_purchases
from terminals.services.held import settle_held
from terminals.services.losses import report_card_lost
from terminals.services.pricing import price_due_days

FIRST_DAY_BACK: Final = timedelta(days=21)
CLEARING_SECONDS_MAX: Final = 120
EVENING: Final = "23:10"
LOSER: Final = "chen"
"""Loses his card every day, and gets a new one the next morning."""


class DayFailed(Exception):
    """The day did not go as it must; one sentence for the console."""


def next_day() -> date | None:
    """The day to be played: the open one, or in a new city three weeks ago. None when it has not passed yet."""
    today = timezone.localdate(timezone=SHANGHAI)
    opened = BusinessDay.objects.filter(state=BusinessDay.State.OPEN).first()
    day = opened.date if opened else today - FIRST_DAY_BACK
    return day if day < today else None


@dataclass(frozen=True)
class Tapped:
    """One tap of the day as the terminal's display showed it."""

    at: str
    terminal: str
    who: str
    result: TapResult


@dataclass
class Day:
    """Plays `business_date`. `wallets` is the file that remembers who carries which card; `say` gets one line per step."""

    business_date: date
    counter: Counter
    fleet: Fleet
    wallets: Path
    say: Callable[[str], None]
    taps: list[Tapped] = field(default_factory=list)

    def play(self) -> None:
        """Live the day. Raises DayFailed when clearing does not come to its end."""
        for unfinished in BusinessDay.objects.filter(state=BusinessDay.State.CLOSING):
            self._clear(unfinished.date)
        open_business_day(self.business_date)
        self._hand_out_cards()
        self._top_up()
        self._move_money()
        self.fleet.fetch_lists()
        for tap in self.plan["taps"]:
            if not self._is_lost and tap["at"] > self.plan["loss"]["at"]:
                self._lose_card()
            self._tap(tap)
        self._upload()
        self._decide_held()
        self._clear(self.business_date)
        self._price()
        self._pay_out()

    @property
    def plan(self) -> dict[str, Any]:
        """The day's script from the city's fixture."""
        plan: dict[str, Any] = self.counter.city.plan["day"]
        return plan

    @property
    def _is_lost(self) -> bool:
        return bool(self._card(LOSER).state == Card.State.LOST)

    def _hand_out_cards(self) -> None:
        carried = self._carried()
        city = self.counter.city.plan
        self.counter.install_sams(self._at(self.plan["opening"]))
        self.fleet.enrol()
        issued = 0
        for person in city["people"]:
            if person["key"] not in carried or self._card(person["key"]).state != Card.State.ACTIVE:
                citizen = self.counter.register(person, self.business_date)
                product = person.get("product", "citizen")
                carried[person["key"]] = self.counter.issue(product, citizen, self._opening(issued)).pan
                issued += 1
                self._remember(carried)
        for holder in city["anonymous_holders"]:
            if holder not in carried:
                carried[holder] = self.counter.issue("anonymous", None, self._opening(issued)).pan
                issued += 1
                self._remember(carried)
        for elder in city["elders"]:  # they get a card once
            if elder["key"] not in carried:
                citizen = self.counter.register(elder, self.business_date)
                carried[elder["key"]] = self.counter.issue("citizen", citizen, self._opening(issued)).pan
                issued += 1
                self._remember(carried)
        self.say(f"{issued} cards personalised and issued over {self.counter.readers.name}")

    def _top_up(self) -> None:
        for turn, top_up in enumerate(self.plan["top_ups"]):
            channel = TopUpOrder.Channel(top_up["channel"])
            when = self._opening(10 + turn)
            self.counter.top_up(self._card(top_up["who"]), top_up["amount_fen"], channel, when)
        self.say(f"{len(self.plan['top_ups'])} cards topped up, in cash and through the payment gateway")

    def _move_money(self) -> None:
        money = StoredValue(self.counter, self._card, self._at)
        money.found()
        money.live()
        self.say("online purses, passes, subsidies, family, automatic top-up: paid and promised")

    def _tap(self, tap: dict[str, Any]) -> None:
        code, who = tap["terminal"], tap["who"]
        pan = self._carried()[who]
        result = self.fleet.tap(code, pan, self._at(tap["at"]), tap.get("amount_fen"))
        self.taps.append(Tapped(tap["at"], code, who, result))

    def _lose_card(self) -> None:
        loss = self.plan["loss"]
        when = self._at(loss["at"])
        report_card_lost(
            card=self._card(LOSER),
            kind=LossReport.Kind.FORMAL,
            channel=LossReport.Channel.PHONE,
            actor=CLERK,
            reason=loss["reason"],
            occurred_at=when,
        )
        self.say(
            f"{loss['at']} one card is reported lost; shops refuse it at once, buses are out with the morning's list"
        )

    def _upload(self) -> None:
        evening = self._at(EVENING)
        self.fleet.upload(evening)
        code, record = next((item.terminal, item.result.record) for item in self.taps if item.result.record)
        self.fleet.upload_again(code, record, evening)
        self.fleet.upload_forged(code, record, evening)
        self.say("batches uploaded; one record came twice, one was forged")

    def _decide_held(self) -> None:
        """What the nightly task does before the clearing."""
        settled = settle_held(now=self._at(EVENING))
        waiting = waiting_purchases().count()
        self.say(
            f"{settled.hot_listed + settled.activated + settled.in_time} held purchases decided by rule, {waiting} wait for people"
        )

    def _clear(self, day: date) -> None:
        """The nightly task, sent now instead of at 00:30; the worker does it."""
        clear_day.delay(day.isoformat())
        deadline = time.monotonic() + CLEARING_SECONDS_MAX
        cleared = ClearingRun.objects.filter(business_date=day, state=ClearingRun.State.CLEARED)
        while not cleared.exists():
            if time.monotonic() > deadline:
                raise DayFailed(f"Clearing of {day} did not finish: see worker.log in the log folder.")
            time.sleep(0.1)
        self.say(f"business day {day} cleared and sealed by the worker")

    def _price(self) -> None:
        """As the nightly task: rides by the published fares, and those on passes taken from them."""
        rides = sum(day.charges for day in price_due_days())
        on_passes = PassUse.objects.count()
        self.say(f"{rides} rides priced by the published fares; {on_passes} on passes so far")

    def _pay_out(self) -> None:
        """In the morning after, finance pays the merchants, and the bank answers."""
        batch = pay_out(self.business_date)
        if batch is None:
            self.say("no merchant is due anything")
        else:
            total = format_yuan(batch.total_fen)
            self.say(
                f"{batch.count} merchants paid out {total} yuan by the bank: {batch.number} {batch.state}"
            )

    def _card(self, who: str) -> Card:
        return Card.objects.get(pan=self._carried()[who])

    def _carried(self) -> dict[str, str]:
        carried: dict[str, str] = json.loads(self.wallets.read_text()) if self.wallets.exists() else {}
        return carried

    def _remember(self, carried: dict[str, str]) -> None:
        self.wallets.write_text(json.dumps(carried, indent=1))

    def _at(self, clock: str) -> datetime:
        hour, minute = map(int, clock.split(":"))
        return datetime(
            self.business_date.year,
            self.business_date.month,
            self.business_date.day,
            hour,
            minute,
            tzinfo=SHANGHAI,
        )

    def _opening(self, minutes: int) -> datetime:
        return self._at(self.plan["opening"]) + timedelta(minutes=minutes)

"""What happens with money in the demo city besides cards and taps: online purses, passes, subsidies, families, refunds.

The first day founds it, every day adds to it. Each step can be repeated, so a day that broke off is taken up again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from accounts.models import (
    Card,
    Citizen,
    FamilyLink,
    Mandate,
    Pass,
    Purse,
    SubsidyBatch,
    TopUpOrder,
)
from accounts.services.family import invite_member, join_family, top_up_for
from accounts.services.holds import reserve
from accounts.services.mandates import confirm_mandate, request_mandate, start_mandate
from accounts.services.passes import sell_pass
from accounts.services.payments import account_purse, pay
from accounts.services.subsidies import approve_subsidy_batch, upload_subsidy_file
from accounts.services.topup import order_topup, receive_funds
from citizencard.demo.counter import CLERK, Counter, visit_gateway
from terminals.models import Merchant
from terminals.services.refunds import request_card_refund

CHECKER: Final = "finance"
PAYER, MEMBER, LEAVER = "lin", "su", "xie"
"""She pays for her mother; an old gentleman gives his card back."""
BATCHES: Final = (("MZJ-GL-01", "高龄津贴", (MEMBER, LEAVER)), ("MZJ-GL-02", "高龄津贴（补发）", (MEMBER,)))
"""Subsidies of 100.00 a head; the last batch waits for its approval."""
AGENT, KIOSK = "zhongshan", "kiosk-01"


@dataclass(frozen=True)
class StoredValue:
    """Played over `counter` with whoever carries which card; `at` gives the moments of the played day."""

    counter: Counter
    card: Callable[[str], Card]
    at: Callable[[str], datetime]

    def found(self) -> None:
        """What the city's people arranged once."""
        self._fill_account_purse()
        self._buy_pass()
        self._reserve()
        self._agree_to_mandate()
        self._pay_subsidies()
        self._become_family()
        self._give_card_back()

    def live(self) -> None:
        """What happens every day: coffee by QR code, and cash into a kiosk without waiting for the card to be loaded."""
        moment = self.at("12:30")
        pay(
            purse=account_purse(self.card(PAYER)),
            payee=Merchant.objects.get(code="shop").payable_id,
            amount_fen=1_280,
            key=f"demo-coffee-{moment:%F}",
            channel="qr",
            actor=PAYER,
            occurred_at=moment,
            place="中山路便利店",
        )
        self._pay_in(
            "kiosk", PAYER, Purse.Kind.CHIP, 2_000, TopUpOrder.Channel.KIOSK, KIOSK, self.at("18:40")
        )

    def _fill_account_purse(self) -> None:
        order = order_topup(
            card=self.card(PAYER),
            amount_fen=20_000,
            channel=TopUpOrder.Channel.GATEWAY,
            actor=PAYER,
            occurred_at=self.at("08:20"),
            purse_kind=Purse.Kind.ACCOUNT,
            request_key="demo-account-purse",
        )
        self.counter.pay_online(order)

    def _buy_pass(self) -> None:
        number, moment = "PS-DEMO-1", self.at("08:25")
        if not Pass.objects.filter(number=number).exists():
            sell_pass(
                card=self.card(PAYER),
                code="bus-fifty",
                starts_on=moment.date(),
                paid_by=Pass.PaidBy.PURSE,
                number=number,
                actor=PAYER,
                occurred_at=moment,
            )

    def _reserve(self) -> None:
        """A hold lasts until tomorrow by today's clock: one of a day long past would expire at once."""
        reserve(
            purse=account_purse(self.card(PAYER)),
            payee=Merchant.objects.get(code="parking").payable_id,
            amount_fen=3_000,
            key="demo-parking-hold",
            channel="parking",
            expires_at=timezone.now() + timedelta(days=1),
            reason="古城停车场 预授权",
            actor="parking",
            occurred_at=self.at("08:30"),
        )

    def _agree_to_mandate(self) -> None:
        purse, moment = account_purse(self.card(PAYER)), self.at("08:35")
        if Mandate.objects.filter(purse=purse, state=Mandate.State.ACTIVE).exists():
            return
        mandate = request_mandate(
            citizen=_holder(self.card(PAYER)),
            purse=purse,
            amount_fen=5_000,
            threshold_fen=3_000,
            day_cap_fen=10_000,
            month_cap_fen=30_000,
            actor=PAYER,
            occurred_at=moment,
        )
        start_mandate(mandate=mandate)
        mandate.refresh_from_db()
        visit_gateway(f"mandate/{mandate.setup_id}", do="agree", method="pm_card_unionpay")
        confirm_mandate(mandate=mandate, now=moment)

    def _pay_subsidies(self) -> None:
        numbers = {person["key"]: person["document_number"] for person in self.counter.city.plan["elders"]}
        for number, title, keys in BATCHES:
            if not SubsidyBatch.objects.filter(number=number).exists():
                rows = [f"{row},{numbers[key]},100.00" for row, key in enumerate(keys, 1)]
                header = f"{number},MZJ,{title},{len(keys)},{len(keys)}00.00"
                upload_subsidy_file(content="\n".join([header, *rows]).encode(), maker=CLERK)
        first = SubsidyBatch.objects.get(number=BATCHES[0][0])
        approve_subsidy_batch(batch=first, checker=CHECKER, occurred_at=self.at("09:00"))

    def _become_family(self) -> None:
        payer, member = _holder(self.card(PAYER)), _holder(self.card(MEMBER))
        moment = self.at("09:10")
        if not FamilyLink.objects.filter(payer=payer, member=member).exists():
            invite_member(payer=payer, member=member, actor=PAYER, occurred_at=moment)
        link = FamilyLink.objects.get(payer=payer, member=member)
        if link.state == FamilyLink.State.INVITED:
            join_family(link=link, sees_balance=True, actor=MEMBER, occurred_at=moment)
        order = top_up_for(
            payer=payer,
            card=self.card(MEMBER),
            amount_fen=5_000,
            actor=PAYER,
            occurred_at=moment,
            purse_kind=Purse.Kind.ACCOUNT,
            request_key="demo-family",
        )
        self.counter.pay_online(order)

    def _give_card_back(self) -> None:
        """Asked for today by the real clock, so that the days of waiting are still to come."""
        card = self.card(LEAVER)
        if card.state == Card.State.ACTIVE:
            moment = self.at("09:30")
            self._pay_in("agent", LEAVER, Purse.Kind.ACCOUNT, 5_000, TopUpOrder.Channel.AGENT, AGENT, moment)
            request_card_refund(card=card, actor=LEAVER, reason="移居外地", occurred_at=timezone.now())

    def _pay_in(
        self,
        story: str,
        who: str,
        purse_kind: str,
        amount_fen: int,
        channel: TopUpOrder.Channel,
        party: str,
        moment: datetime,
    ) -> None:
        order = order_topup(
            card=self.card(who),
            amount_fen=amount_fen,
            channel=channel,
            party=party,
            actor=party,
            occurred_at=moment,
            purse_kind=purse_kind,
            request_key=f"demo-{story}-{moment:%F}",
        )
        receive_funds(order=order, actor=party)


def _holder(card: Card) -> Citizen:
    if card.citizen is None:
        raise ValueError("the card is anonymous")
    return card.citizen

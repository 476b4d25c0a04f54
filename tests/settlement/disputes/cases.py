"""Cards with something to dispute, policies in force, and the steps of a case in short."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from accounts.models import Card, LedgerAccount, Payment, Purse
from accounts.selectors.balances import account_balance_fen
from accounts.services.payments import account_purse, pay
from settlement.models import Dispute, DisputeDecision, DisputeEvidence
from settlement.services.disputes import decide_dispute, file_evidence, open_dispute
from terminals.models import Merchant
from terminals.services.field import register_merchant
from tests.accounts.purses.filling import fill
from tests.factories import NOON, make_card, make_citizen, make_product
from tests.settlement.rules import calendar, in_force

HOLDER, CLERK, BOSS, THIRD = "citizen", "wang", "boss", "li"
PDF: Final = b"%PDF-1.7 a receipt"


def policy(kind: str = "not_given", **terms: Any) -> dict[str, Any]:
    """Five working days for evidence, ten to decide, five to appeal; 100 yuan advanced, two people from 50 yuan on."""
    usual = {
        "kind": kind, "valid_from": "2026-01-01", "file_days": 90, "evidence_days": 5, "decide_days": 10,
        "appeal_days": 5, "advance_up_to_fen": 10_000, "two_people_from_fen": 5_000, "legal_basis": "争议处理办法",
    }  # fmt: skip
    return usual | terms


def publish_policies(*kinds: str, **terms: Any) -> None:
    """For these kinds, and the calendar that the clock is read from."""
    in_force(calendar(2026), "calendar")
    for kind in kinds:
        in_force(policy(kind, **terms), "disputes")


def later(days: int) -> datetime:
    return NOON + timedelta(days=days)


@dataclass
class Holder:
    """A citizen's card with an online account, and a shop that was paid from it."""

    card: Card
    shop: Merchant

    def pays(self, amount_fen: int = 500, key: str = "p") -> Payment:
        return pay(
            purse=account_purse(self.card), payee=self.shop.payable_id, amount_fen=amount_fen, key=key,
            channel="qr", actor="shop", occurred_at=NOON,
        )  # fmt: skip

    @property
    def online_fen(self) -> int:
        return Purse.objects.get(card=self.card, kind="account").balance_fen


def holder(balance_fen: int = 1_000) -> Holder:
    product = make_product(real_name=True, account_limit_fen=100_000)
    card = make_card(product=product, citizen=make_citizen())
    fill(account_purse(card), balance_fen)
    return Holder(card, register_merchant(code="shop", name="中山路便利店", channel="shop"))


def opened(payment: Payment, **changes: Any) -> Dispute:
    values: dict[str, Any] = {
        "card": payment.purse.card,
        "kind": "not_given",
        "what": "payment",
        "source_id": payment.pk,
        "words": "没有收到商品",
        "actor": HOLDER,
        "now": NOON,
    }
    return open_dispute(**values | changes)


def answered(dispute: Dispute, now: datetime = NOON) -> Dispute:
    file_evidence(
        dispute=dispute,
        party=DisputeEvidence.Party.MERCHANT,
        words="小票",
        file=PDF,
        actor=CLERK,
        now=now,
    )
    return fresh(dispute)


def decided(
    dispute: Dispute,
    outcome: str = "refuse",
    actor: str = BOSS,
    bearer: str = "",
    now: datetime = NOON,
) -> DisputeDecision:
    return decide_dispute(
        dispute=dispute, outcome=outcome, bearer=bearer, actor=actor, reason="小票在案", now=now
    )


def fresh(dispute: Dispute) -> Dispute:
    return Dispute.objects.get(pk=dispute.pk)


def fen(code: str) -> int:
    account = LedgerAccount.objects.filter(code=code).first()
    return account_balance_fen(account.pk) if account else 0


def on(day: int) -> date:
    """A date of March 2026."""
    return date(2026, 3, day)

"""What one person proposes and another approves: payout accounts, payout policies, sources of receipts."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, TypeVar
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.masks import mask_card
from citizencard.core.pii import SealedField, reveal_many, seal_many
from citizencard.core.states import lock_row
from citizencard.core.two_people import approve, refuse
from settlement.bankfiles.values import BankAccount
from settlement.models import BankSource, PayoutAccount, PayoutPolicy
from settlement.models.proposed import ProposedRule
from terminals.models import Merchant

_TABLE: Final = "settlement_payoutaccount"
_BANK_CODE: Final = re.compile(r"[0-9]{12}")
_NUMBER: Final = re.compile(r"[0-9]{8,32}")
_PREFIX: Final = re.compile(r"[A-Z0-9-]{2,20}")
HOLDER_MAX: Final = 70
"""As many characters as every bank's file has room for."""
P = TypeVar("P", bound=ProposedRule)


def propose_payout_account(
    *, merchant: Merchant, account: BankAccount, valid_from: date, legal_basis: str, maker: str
) -> PayoutAccount:
    """Where a merchant's money goes from a date on, for another person to approve. Raises InvalidField. Audited.

    Sealed before the transaction begins, so that no lock waits for the key service.
    """
    holder = account.holder.strip()
    if not 1 <= len(holder) <= HOLDER_MAX or "|" in holder:
        raise InvalidField("holder", _("1 to 70 characters, no |"))
    if not _BANK_CODE.fullmatch(account.bank_code):
        raise InvalidField("bank_code", _("the 12 digits of the branch (CNAPS)"))
    if not _NUMBER.fullmatch(account.number):
        raise InvalidField("number", _("8 to 32 digits"))
    pk = uuid4()
    holder_sealed, number_sealed = seal_many(
        [(_TABLE, "holder", pk, holder), (_TABLE, "number", pk, account.number)]
    )
    return _propose(
        PayoutAccount(
            pk=pk,
            merchant=merchant,
            bank_code=account.bank_code,
            holder_sealed=holder_sealed,
            # Most are companies; of a person's name no more is shown than of any company's.
            holder_mask=holder[0] + "*" * (len(holder) - 2) + holder[-1] if len(holder) > 2 else "**",
            number_sealed=number_sealed,
            number_mask=mask_card(account.number),
        ),
        valid_from=valid_from,
        legal_basis=legal_basis,
        maker=maker,
    )


def propose_payout_policy(
    *, second_approval_from_fen: int, valid_from: date, legal_basis: str, maker: str
) -> PayoutPolicy:
    """From how many fen on a batch needs a second approval. Raises InvalidField. Audited."""
    if second_approval_from_fen <= 0:
        raise InvalidField("second_approval_from_fen", _("a positive number of fen"))
    policy = PayoutPolicy(second_approval_from_fen=second_approval_from_fen)
    return _propose(policy, valid_from=valid_from, legal_basis=legal_basis, maker=maker)


def propose_bank_source(
    *, prefix: str, chart: str, valid_from: date, legal_basis: str, maker: str
) -> BankSource:
    """Whose receipts begin their reference with `prefix`, and which claim (1011, 1012, 1015) they settle. Raises InvalidField."""
    if not _PREFIX.fullmatch(prefix):
        raise InvalidField("prefix", _("2 to 20 capital letters, digits and hyphens"))
    if chart not in {value for value, _label in BankSource._meta.get_field("chart").flatchoices}:
        raise InvalidField("chart", chart)
    source = BankSource(prefix=prefix, chart=chart)
    return _propose(source, valid_from=valid_from, legal_basis=legal_basis, maker=maker)


@transaction.atomic
def approve_proposed(*, row: P, checker: str) -> P:
    """A second person agrees; again, nothing changes. Raises MakerIsChecker, AlreadyDecided. Audited."""
    current = lock_row(row)
    if current.state == ProposedRule.State.APPROVED and current.checker == checker:
        return current
    approve(current, checker=checker)
    _audit(current, "approve", checker)
    return current


@transaction.atomic
def refuse_proposed(*, row: P, checker: str, reason: str) -> P:
    """A second person does not agree, and says why. Raises MakerIsChecker, AlreadyDecided. Audited."""
    current = refuse(lock_row(row), checker=checker, answer=reason)
    _audit(current, "refuse", checker)
    return current


def open_accounts(accounts: list[PayoutAccount]) -> list[BankAccount]:
    """The accounts in clear, for the bank's file, in one call to the key service."""
    fields = [
        SealedField(_TABLE, column, account.pk, bytes(sealed))
        for account in accounts
        for column, sealed in (("holder", account.holder_sealed), ("number", account.number_sealed))
    ]
    values = iter(reveal_many(fields))
    return [BankAccount(next(values), account.bank_code, next(values)) for account in accounts]


@transaction.atomic
def _propose(row: P, *, valid_from: date, legal_basis: str, maker: str) -> P:
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("what it rests on"))
    row.valid_from, row.legal_basis, row.maker = valid_from, legal_basis.strip(), maker
    row.save(force_insert=True)
    _audit(row, "propose", maker)
    return row


def _audit(row: ProposedRule, step: str, actor: str) -> None:
    record_audit(
        actor=actor,
        action=f"{row._meta.model_name}.{step}",
        subject=f"{row._meta.model_name}:{row.pk}",
        detail={"valid_from": row.valid_from},
    )

"""Payees and rules of the bank: one person proposes, another approves."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from citizencard.office.admin.base import yuan_column
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.bank_forms import BankSourceForm, DatedForm, PayoutAccountForm, PayoutPolicyForm
from citizencard.office.reasons import ask_new
from citizencard.office.site import office
from settlement.bankfiles.values import BankAccount
from settlement.models import BankSource, PayoutAccount, PayoutPolicy
from settlement.models.proposed import ProposedRule
from settlement.services.payee_rules import (
    approve_proposed,
    propose_bank_source,
    propose_payout_account,
    propose_payout_policy,
    refuse_proposed,
)

_DECISION = ["valid_from", "legal_basis", *DECISION]


class ProposedAdmin(DecidedAdmin):
    """`form` asks for what is proposed, `make` proposes it."""

    form_class: ClassVar[type[DatedForm]]
    may_propose, may_decide = "office.pay_out", "office.approve_payout"
    ordering = ["-made_at"]

    def make(self, given: dict[str, Any], maker: str) -> ProposedRule:
        """Propose what the form says."""
        raise NotImplementedError

    @action(description=_("Propose"), permissions=["propose"], icon="add", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Ask for a new one."""

        def act(given: dict[str, Any]) -> ProposedRule:
            return self.make(given, request.user.get_username())

        return ask_new(request, self, title=gettext("Propose"), form=self.form_class, act=act)

    def agree(self, row: ProposedRule, checker: str) -> ProposedRule:
        """It is in force from its date on."""
        return approve_proposed(row=row, checker=checker)

    def turn_down(self, row: ProposedRule, checker: str, reason: str) -> ProposedRule:
        """It never will be."""
        return refuse_proposed(row=row, checker=checker, reason=reason)


@admin.register(PayoutAccount, site=office)
class PayoutAccountAdmin(ProposedAdmin):
    """Where merchants' money goes; holder and number are masked."""

    form_class = PayoutAccountForm
    list_display = [
        "merchant",
        "holder_mask",
        "number_mask",
        "bank_code",
        "valid_from",
        "state_label",
        "maker",
    ]
    list_select_related = ["merchant"]
    search_fields = ["merchant__code", "merchant__name"]
    fields = ["merchant", "holder_mask", "number_mask", "bank_code", *_DECISION]

    def make(self, given: dict[str, Any], maker: str) -> ProposedRule:
        """Sealed before it is kept."""
        account = BankAccount(given.pop("holder"), given.pop("bank_code"), given.pop("number"))
        return propose_payout_account(account=account, maker=maker, **given)


@admin.register(PayoutPolicy, site=office)
class PayoutPolicyAdmin(ProposedAdmin):
    """From which total on a batch needs two approvals."""

    form_class = PayoutPolicyForm
    list_display = ["valid_from", "second_approval_from", "legal_basis", "state_label", "maker", "checker"]
    fields = ["second_approval_from", *_DECISION]
    readonly_fields = ["second_approval_from"]
    second_approval_from = yuan_column("second_approval_from_fen", _("second approval from (yuan)"))

    def make(self, given: dict[str, Any], maker: str) -> ProposedRule:
        """A dated amount."""
        return propose_payout_policy(maker=maker, **given)


@admin.register(BankSource, site=office)
class BankSourceAdmin(ProposedAdmin):
    """Whose receipts settle which claim."""

    form_class = BankSourceForm
    list_display = ["prefix", "chart", "valid_from", "legal_basis", "state_label", "maker", "checker"]
    fields = ["prefix", "chart", *_DECISION]

    def make(self, given: dict[str, Any], maker: str) -> ProposedRule:
        """A dated prefix."""
        return propose_bank_source(prefix=given.pop("begins_with"), maker=maker, **given)

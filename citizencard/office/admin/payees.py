"""Payees and rules of the bank: one person proposes, another approves."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.bank_forms import BankSourceForm, DatedForm, PayoutAccountForm, PayoutPolicyForm
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new
from citizencard.office.site import office
from settlement.bankfiles.values import BankAccount
from settlement.models import BankSource, PayoutAccount, PayoutPolicy
from settlement.models.proposed import Proposed
from settlement.services.payee_rules import (
    approve_proposed,
    propose_bank_source,
    propose_payout_account,
    propose_payout_policy,
    refuse_proposed,
)

_DECISION = ["valid_from", "legal_basis", "state", "maker", "made_at", "checker", "checked_at"]


class ProposedAdmin(ReadOnlyAdmin):
    """`form` asks for what is proposed, `make` proposes it."""

    form_class: ClassVar[type[DatedForm]]
    list_filter = ["state"]
    ordering = ["-made_at"]
    actions_list = ["propose"]
    actions_detail = ["approve", "refuse"]

    @display(description=_("state"), ordering="state", label={"proposed": "warning", "approved": "success"})
    def state_label(self, obj: Proposed) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def offers(self, obj: Proposed, step: str) -> bool:
        """Decided once."""
        return bool(obj.state == Proposed.State.PROPOSED)

    def make(self, given: dict[str, Any], maker: str) -> Proposed:
        """Propose what the form says."""
        raise NotImplementedError

    @action(description=_("Propose"), permissions=["pay_out"], icon="add", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Ask for a new one."""

        def act(given: dict[str, Any]) -> Proposed:
            return self.make(given, request.user.get_username())

        return ask_new(request, self, title=gettext("Propose"), form=self.form_class, act=act)

    @action(description=_("Approve"), permissions=["approve_payout"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person agrees."""
        return self._decide(request, object_id, gettext("Approve"), approve_proposed)

    @action(description=_("Refuse"), permissions=["approve_payout"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person does not agree."""
        return self._decide(request, object_id, gettext("Refuse"), refuse_proposed)

    def _decide(self, request: HttpRequest, object_id: str, title: str, decide: Any) -> HttpResponse:
        row = self.found(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            done = decide(row=row, checker=request.user.get_username())
            return [(gettext("state"), done.get_state_display())]

        return ask(request, self, row, title=title, form=ConfirmForm, act=act)


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

    def make(self, given: dict[str, Any], maker: str) -> Proposed:
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

    def make(self, given: dict[str, Any], maker: str) -> Proposed:
        """A dated amount."""
        return propose_payout_policy(maker=maker, **given)


@admin.register(BankSource, site=office)
class BankSourceAdmin(ProposedAdmin):
    """Whose receipts settle which claim."""

    form_class = BankSourceForm
    list_display = ["prefix", "chart", "valid_from", "legal_basis", "state_label", "maker", "checker"]
    fields = ["prefix", "chart", *_DECISION]

    def make(self, given: dict[str, Any], maker: str) -> Proposed:
        """A dated prefix."""
        return propose_bank_source(prefix=given.pop("begins_with"), maker=maker, **given)

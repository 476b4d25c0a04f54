"""Policies of terminals, returns, risk and objections: proposed on a form of their own, in force by a second person."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import RiskParameters
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.admin.settlement_rules import content_table
from citizencard.office.reasons import ask_new
from citizencard.office.site import office
from citizencard.office.tables import Table
from terminals.models import (
    AcceptancePolicy,
    AppealPolicy,
    HotListPolicy,
    ParameterPolicy,
    PolicyProposal,
    ReturnPolicy,
)
from terminals.services.policy_proposals import approve_policy, propose_policy, refuse_policy

Kind = PolicyProposal.Kind
_MODELS: Final[dict[str, type[Model]]] = {
    Kind.PARAMETERS: ParameterPolicy,
    Kind.HOT_LIST: HotListPolicy,
    Kind.ACCEPTANCE: AcceptancePolicy,
    Kind.RETURN: ReturnPolicy,
    Kind.RISK: RiskParameters,
    Kind.APPEAL: AppealPolicy,
}


def _propose(kind: str) -> Callable[[PolicyProposalAdmin, HttpRequest], HttpResponse]:
    """The step that proposes a policy of one kind: a form of its model's fields, filled with the newest version."""
    title = Kind(kind).label

    def step(self: PolicyProposalAdmin, request: HttpRequest) -> HttpResponse:
        def act(given: dict[str, Any]) -> PolicyProposal:
            return propose_policy(kind=kind, content=given, maker=request.user.get_username())

        form = partial(self.form_of(request, kind), initial=_newest(kind))
        return ask_new(request, self, title=f"{gettext('Propose')}: {Kind(kind).label}", form=form, act=act)

    step.__name__ = f"propose_{kind}"
    made: Callable[[PolicyProposalAdmin, HttpRequest], HttpResponse] = action(
        description=title,
        url_path=f"propose-{kind}",
        permissions=["propose"],
        icon="edit_document",
        variant=None,
    )(step)
    return made


@admin.register(PolicyProposal, site=office)
class PolicyProposalAdmin(DecidedAdmin):
    """Policies that wait for a second person, and what became of them."""

    list_display = ["__str__", "valid_from", "state_label", "maker", "made_at", "checker", "checked_at"]
    may_propose, may_decide = "terminals.propose_policy", "terminals.approve_policy"
    list_filter = ["state", "kind"]
    fields = ["kind", *DECISION]
    ordering = ["-pk"]
    actions_list = [f"propose_{kind}" for kind in Kind.values]

    propose_parameters = _propose(Kind.PARAMETERS)
    propose_hot_list = _propose(Kind.HOT_LIST)
    propose_acceptance = _propose(Kind.ACCEPTANCE)
    propose_return = _propose(Kind.RETURN)
    propose_risk = _propose(Kind.RISK)
    propose_appeal = _propose(Kind.APPEAL)

    def form_of(self, request: HttpRequest, kind: str) -> type[forms.ModelForm[Model]]:
        """A form of the policy's own fields and rules; it is never saved."""
        callback = partial(self.formfield_for_dbfield, request=request)
        return forms.modelform_factory(_MODELS[kind], fields="__all__", formfield_callback=callback)

    @display(description=_("valid from"))
    def valid_from(self, obj: PolicyProposal) -> str:
        """Of the policy."""
        return str(obj.content["valid_from"])

    def tables(self, request: HttpRequest, obj: PolicyProposal) -> list[Table]:
        """What it says."""
        return [content_table(obj.content)]

    def agree(self, row: PolicyProposal, checker: str) -> PolicyProposal:
        """It is in force from its date on."""
        return approve_policy(proposal=row, checker=checker)

    def turn_down(self, row: PolicyProposal, checker: str, reason: str) -> PolicyProposal:
        """It never will be."""
        return refuse_policy(proposal=row, checker=checker, reason=reason)


def _newest(kind: str) -> dict[str, Any]:
    """The version that begins last, to begin from; its date is not taken over."""
    newest = _MODELS[kind]._default_manager.order_by("-valid_from").first()
    return {} if newest is None else model_to_dict(newest, exclude=["id", "valid_from"])

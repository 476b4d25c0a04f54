"""Policies of terminals, returns, risk and objections: proposed on a form of their own, in force by a second person."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import RiskParameters
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.settlement_rules import content_table
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at
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
class PolicyProposalAdmin(ReadOnlyAdmin):
    """Policies that wait for a second person, and what became of them."""

    list_display = ["__str__", "valid_from", "state_label", "maker", "made_at", "checker", "checked_at"]
    list_filter = ["state", "kind"]
    fields = ["kind", "state", "maker", "made_at", "checker", "checked_at", "answer"]
    ordering = ["-pk"]
    actions_list = [f"propose_{kind}" for kind in Kind.values]
    actions_detail = ["approve", "refuse"]

    propose_parameters = _propose(Kind.PARAMETERS)
    propose_hot_list = _propose(Kind.HOT_LIST)
    propose_acceptance = _propose(Kind.ACCEPTANCE)
    propose_return = _propose(Kind.RETURN)
    propose_risk = _propose(Kind.RISK)
    propose_appeal = _propose(Kind.APPEAL)

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose policies?"""
        return request.user.has_perm("terminals.propose_policy")

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user decide on what somebody else proposed?"""
        return request.user.has_perm("terminals.approve_policy")

    def form_of(self, request: HttpRequest, kind: str) -> type[forms.ModelForm[Model]]:
        """A form of the policy's own fields and rules; it is never saved."""
        callback = partial(self.formfield_for_dbfield, request=request)
        return forms.modelform_factory(_MODELS[kind], fields="__all__", formfield_callback=callback)

    @display(description=_("valid from"))
    def valid_from(self, obj: PolicyProposal) -> str:
        """Of the policy."""
        return str(obj.content["valid_from"])

    @display(description=_("state"), ordering="state", label={"proposed": "warning", "approved": "success"})
    def state_label(self, obj: PolicyProposal) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def tables(self, request: HttpRequest, obj: PolicyProposal) -> list[Table]:
        """What it says."""
        return [content_table(obj.content)]

    def offers(self, obj: PolicyProposal, step: str) -> bool:
        """Decided once."""
        return bool(obj.state == PolicyProposal.State.PROPOSED)

    @action(description=_("Approve"), permissions=["approve"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person puts it in force from its date on."""
        proposal = get_object_or_404(PolicyProposal, pk=unquote(object_id))

        def act(_given: dict[str, Any]) -> Facts:
            return _outcome(approve_policy(proposal=proposal, checker=request.user.get_username()))

        title, tables = gettext("Approve"), [content_table(proposal.content)]
        return ask(request, self, proposal, title=title, form=ConfirmForm, act=act, tables=tables)

    @action(description=_("Refuse"), permissions=["approve"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person sends it back for good."""
        proposal = get_object_or_404(PolicyProposal, pk=unquote(object_id))

        def act(reason: str) -> Facts:
            checker = request.user.get_username()
            return _outcome(refuse_policy(proposal=proposal, checker=checker, reason=reason))

        return ask_reason(request, self, proposal, title=gettext("Refuse"), act=act)


def _newest(kind: str) -> dict[str, Any]:
    """The version that begins last, to begin from; its date is not taken over."""
    newest = _MODELS[kind]._default_manager.order_by("-valid_from").first()
    return {} if newest is None else model_to_dict(newest, exclude=["id", "valid_from"])


def _outcome(proposal: PolicyProposal) -> Facts:
    return [
        (gettext("state"), proposal.get_state_display()),
        (gettext("checked by"), proposal.checker),
        (gettext("checked at"), at(proposal.checked_at)),
    ]

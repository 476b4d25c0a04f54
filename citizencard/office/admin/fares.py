"""Fares: what is published, and what somebody proposes, with the price of sample rides before and after."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.core.errors import CitizenCardError
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin, approving
from citizencard.office.admin.fare_tables import content_table, preview_table, problems_table, proposed_table
from citizencard.office.forms import FareProposalForm
from citizencard.office.reasons import Facts, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at
from terminals.errors import FaresRefused
from terminals.models import FareDocument, FareProposal
from terminals.services.fares import propose_fares, publish_fares, refuse_fares, withdraw_fare


@admin.register(FareDocument, site=office)
class FareDocumentAdmin(ReadOnlyAdmin):
    """Every version of every rule, as published."""

    list_display = ["code", "title", "sort", "version", "valid_from", "valid_until", "stands"]
    list_filter = ["sort"]
    search_fields = ["code", "legal_basis"]
    fields = [
        "code", "title", "sort", "version", "valid_from", "valid_until", "legal_basis", "sha256_hex", "published_by",
        "published_at", "withdrawn_at", "withdrawn_by", "withdrawn_reason",
    ]  # fmt: skip
    readonly_fields = ["title", "sha256_hex"]
    ordering = ["sort", "code", "-valid_from"]
    actions_detail = ["withdraw"]

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose fares, and withdraw those still to come?"""
        return request.user.has_perm("terminals.propose_fares")

    @display(description=_("name"))
    def title(self, obj: FareDocument) -> str:
        """In the reader's language."""
        return obj.name

    @display(description=_("state"), label={True: "success", False: "danger"})
    def stands(self, obj: FareDocument) -> tuple[bool, str]:
        """Published, or withdrawn before it began."""
        live = obj.withdrawn_at is None
        return live, gettext("published") if live else gettext("withdrawn")

    @display(description=_("SHA-256"))
    def sha256_hex(self, obj: FareDocument) -> str:
        """What derivations name it by."""
        return obj.sha256

    def tables(self, request: HttpRequest, obj: FareDocument) -> list[Table]:
        """What it says."""
        return [content_table(obj.content)]

    def offers(self, obj: FareDocument, step: str) -> bool:
        """The service refuses what has begun."""
        return obj.withdrawn_at is None

    @action(description=_("Withdraw"), permissions=["propose"], icon="undo", variant=None)
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take back a document that has not begun."""
        document = get_object_or_404(FareDocument, pk=unquote(object_id))

        def act(reason: str) -> Facts:
            done = withdraw_fare(document=document, actor=request.user.get_username(), reason=reason)
            return [(gettext("withdrawn at"), at(done.withdrawn_at)), (gettext("reason"), reason)]

        return ask_reason(request, self, document, title=gettext("Withdraw"), act=act)


@admin.register(FareProposal, site=office)
class FareProposalAdmin(DecidedAdmin):
    """Documents proposed together: published by a second person, all or none."""

    list_display = ["__str__", "names", "state_label", "maker", "made_at", "checker", "checked_at"]
    may_propose, may_decide = "terminals.propose_fares", "terminals.publish_fares"
    fields = ["reason", *DECISION]
    ordering = ["-pk"]
    approve = approving(_("Publish"))

    @display(description=_("documents"))
    def names(self, obj: FareProposal) -> str:
        """Their ids and versions."""
        named = [f"{each.get('id')} v{each.get('version')}" for each in obj.documents]
        return ", ".join(named[:5]) + (" …" if len(named) > 5 else "")

    def tables(self, request: HttpRequest, obj: FareProposal) -> list[Table]:
        """The documents, what stands against them now, and what they change."""
        return [proposed_table(obj), *_to_decide(obj), *(content_table(each) for each in obj.documents[:20])]

    @action(description=_("Propose fares"), permissions=["propose"], icon="upload_file", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Take a JSON file of documents, or list everything that is wrong with it."""
        form = FareProposalForm(request.POST or None, request.FILES or None)
        tables: list[Table] = []
        if request.method == "POST" and form.is_valid():
            try:
                proposal = propose_fares(
                    documents=form.cleaned_data["file"],
                    reason=form.cleaned_data["reason"],
                    maker=request.user.get_username(),
                )
                return HttpResponseRedirect(
                    reverse("admin:terminals_fareproposal_change", args=[proposal.pk])
                )
            except FaresRefused as refusal:
                form.add_error(None, str(refusal))
                tables = [problems_table(refusal.data["problems"])]
            except CitizenCardError as refusal:
                form.add_error(None, str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Propose fares"),
            "opts": self.opts,
            "subject": self.opts.verbose_name,
            "form": form,
            "facts": None,
            "tables": tables,
            "back": reverse("admin:terminals_fareproposal_changelist"),
        }
        return TemplateResponse(request, "office/reason.html", context)

    def to_decide_by(self, request: HttpRequest, row: FareProposal) -> Sequence[Table]:
        """What it changes."""
        return [proposed_table(row), *_to_decide(row)]

    def agree(self, row: FareProposal, checker: str) -> FareProposal:
        """The documents stand, all or none."""
        publish_fares(proposal=row, checker=checker)
        row.refresh_from_db()
        return row

    def turn_down(self, row: FareProposal, checker: str, reason: str) -> FareProposal:
        """None of them does."""
        return refuse_fares(proposal=row, checker=checker, reason=reason)


def _to_decide(proposal: FareProposal) -> Sequence[Table]:
    """What to decide by while it waits."""
    return preview_table(proposal) if proposal.state == FareProposal.State.PROPOSED else []

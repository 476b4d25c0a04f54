"""Subsidy batches: a payer's file is checked row by row, taken by one person and paid out by another."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import SubsidyBatch
from accounts.services.subsidies import approve_subsidy_batch, refuse_subsidy_batch, upload_subsidy_file
from accounts.services.subsidy_check import Line, unpayable
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.forms import ConfirmForm, SubsidyForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason, problems_table
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, yuan

ROWS = 200


@admin.register(SubsidyBatch, site=office)
class SubsidyBatchAdmin(ReadOnlyAdmin):
    """One file of one payer: uploaded, then approved or refused by somebody else."""

    list_display = [
        "number",
        "title",
        "payer",
        "count",
        "total",
        "state_label",
        "maker",
        "checker",
        "uploaded_at",
    ]
    list_filter = ["state", "payer"]
    list_select_related = ["payer"]
    search_fields = ["number", "title"]
    fields = [
        "number", "title", "payer", "count", "total", "state", "maker", "checker", "uploaded_at", "checked_at", "digest",
    ]  # fmt: skip
    readonly_fields = ["total", "digest"]
    ordering = ["-pk"]
    actions_list = ["upload"]
    actions_detail = ["approve", "refuse"]
    total = yuan_column("total_fen", _("total (yuan)"))

    @display(description=_("state"), ordering="state", label={"uploaded": "warning", "approved": "success"})
    def state_label(self, obj: SubsidyBatch) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("SHA-256"))
    def digest(self, obj: SubsidyBatch) -> str:
        """Of the file as it came: what the payer can be asked about."""
        return bytes(obj.sha256).hex()

    def tables(self, request: HttpRequest, obj: SubsidyBatch) -> list[Table]:
        """Its first rows."""
        return [_lines(obj)]

    def offers(self, obj: SubsidyBatch, step: str) -> bool:
        """Decided once."""
        return bool(obj.state == SubsidyBatch.State.UPLOADED)

    @action(
        description=_("Upload a file"),
        permissions=["approve_subsidy"],
        icon="upload_file",
        variant=None,
    )
    def upload(self, request: HttpRequest) -> HttpResponse:
        """Check every row and take the file whole, or list everything that is wrong with it."""

        def act(given: dict[str, Any]) -> SubsidyBatch:
            return upload_subsidy_file(content=given["file"].read(), maker=request.user.get_username())

        return ask_new(request, self, title=gettext("Upload a file"), form=SubsidyForm, act=act)

    @action(description=_("Approve"), permissions=["approve_subsidy"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person lets the amounts go to the cards, all or none."""
        batch = _batch(object_id)

        def act(given: dict[str, Any]) -> Facts:
            done = approve_subsidy_batch(
                batch=batch, checker=request.user.get_username(), occurred_at=timezone.now()
            )
            return _outcome(done)

        tables = [_summary(batch), *_standing(batch)]
        return ask(request, self, batch, title=gettext("Approve"), form=ConfirmForm, act=act, tables=tables)

    @action(description=_("Refuse"), permissions=["approve_subsidy"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person sends it back for good."""
        batch = _batch(object_id)

        def act(reason: str) -> Facts:
            return _outcome(
                refuse_subsidy_batch(batch=batch, checker=request.user.get_username(), reason=reason)
            )

        return ask_reason(request, self, batch, title=gettext("Refuse"), act=act)


def _batch(object_id: str) -> SubsidyBatch:
    return get_object_or_404(SubsidyBatch.objects.select_related("payer"), pk=unquote(object_id))


def _summary(batch: SubsidyBatch) -> Table:
    return Table(
        _("Batch"),
        [_("title"), _("payer"), _("lines"), _("total"), _("uploaded by")],
        [[batch.title, batch.payer.label, batch.count, yuan(batch.total_fen), batch.maker]],
        columns(2, 3),
    )


def _standing(batch: SubsidyBatch) -> list[Table]:
    """What could not be paid if it were approved now."""
    if batch.state != SubsidyBatch.State.UPLOADED:
        return []
    lines = batch.lines.order_by("row").values_list("row", "purse_id", "amount_fen")
    problems = unpayable([Line(*line) for line in lines])
    return problems_table(problems)


def _lines(batch: SubsidyBatch) -> Table:
    lines = batch.lines.select_related("purse__card").order_by("row")[:ROWS]
    return Table(
        _("Lines"),
        [_("row"), _("card number"), _("purse"), _("amount")],
        [
            [line.row, link(line.purse.card), line.purse.get_kind_display(), yuan(line.amount_fen)]
            for line in lines
        ],
        columns(0, 3),
        total=["", _("Total"), "", yuan(batch.total_fen)],
        note=_("At most %(limit)s.") % {"limit": ROWS},
    )


def _outcome(batch: SubsidyBatch) -> Facts:
    return [
        (gettext("state"), batch.get_state_display()),
        (gettext("checked by"), batch.checker),
        (gettext("checked at"), at(batch.checked_at)),
    ]

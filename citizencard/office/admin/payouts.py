"""Payout batches: made, proposed, approved by others, sent, and what became of each order."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.bank_forms import DayForm
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason
from citizencard.office.report_pages import as_file
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, yuan
from settlement.models import BankFile, PayoutBatch
from settlement.services import payouts
from settlement.services.bank_files import open_file

ROWS = 200
State = PayoutBatch.State
_STEPS = {
    "propose": {State.DRAFTED},
    "approve": {State.PROPOSED},
    "refuse": {State.DRAFTED, State.PROPOSED, State.APPROVED},
    "send": {State.APPROVED},
    "download_xml": {State.SENT, State.SETTLED, State.PARTLY_RETURNED},
    "download_text": {State.SENT, State.SETTLED, State.PARTLY_RETURNED},
}


@admin.register(PayoutBatch, site=office)
class PayoutBatchAdmin(ReadOnlyAdmin):
    """What is paid out to merchants through one cleared date."""

    list_display = [
        "number",
        "through",
        "value_date",
        "count",
        "total",
        "state_label",
        "approved_by",
        "sent_at",
    ]
    list_filter = ["state"]
    search_fields = ["number"]
    fields = [
        "number", "through", "value_date", "count", "total", "state", "needs_second", "made_by", "made_at", "proposed_by",
        "approved_by", "seconded_by", "refused_by", "reason", "sent_at", "digest_hex",
    ]  # fmt: skip
    readonly_fields = ["total", "digest_hex"]
    ordering = ["-through", "-round"]
    actions_list = ["make"]
    actions_detail = ["propose", "approve", "refuse", "send", "download_xml", "download_text"]
    total = yuan_column("total_fen", _("total (yuan)"))

    @display(
        description=_("state"),
        ordering="state",
        label={
            "proposed": "warning",
            "approved": "warning",
            "sent": "info",
            "settled": "success",
            "partly_returned": "danger",
        },
    )
    def state_label(self, obj: PayoutBatch) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("SHA-256"))
    def digest_hex(self, obj: PayoutBatch) -> str:
        """Of its orders: what people approve."""
        return bytes(obj.digest).hex()

    def tables(self, request: HttpRequest, obj: PayoutBatch) -> list[Table]:
        """Its orders, who is carried forward and why, and its files."""
        return [_orders(obj), _carried(obj), _files(obj)]

    def offers(self, obj: PayoutBatch, step: str) -> bool:
        """Each step in its states."""
        return obj.state in _STEPS[step]

    @action(description=_("Make a batch"), permissions=["pay_out"], icon="add_card", variant=None)
    def make(self, request: HttpRequest) -> HttpResponse:
        """Collect what merchants are due of cleared dates."""

        def act(given: dict[str, Any]) -> PayoutBatch:
            actor = request.user.get_username()
            return payouts.make_payouts(through=given["day"], actor=actor, now=timezone.now())

        return ask_new(request, self, title=gettext("Make a batch"), form=DayForm, act=act)

    @action(description=_("Propose"), permissions=["pay_out"], icon="send", variant=None)
    def propose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Somebody has looked through it."""
        return self._step(request, object_id, gettext("Propose"), payouts.propose_payouts)

    @action(description=_("Approve"), permissions=["approve_payout"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person agrees."""
        return self._step(request, object_id, gettext("Approve"), payouts.approve_payouts)

    @action(description=_("Refuse"), permissions=["approve_payout"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It is not paid; its amounts are due again."""
        batch = _batch(object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _outcome(payouts.refuse_payouts(batch=batch, actor=actor, reason=reason))

        return ask_reason(request, self, batch, title=gettext("Refuse"), act=act)

    @action(description=_("Send"), permissions=["pay_out"], icon="outbound", variant=None)
    def send(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Freeze the files and put the money on its way in the books; then the files go to the bank."""
        batch = _batch(object_id)

        def act(given: dict[str, Any]) -> Facts:
            actor = request.user.get_username()
            return _outcome(payouts.send_payouts(batch=batch, actor=actor, now=timezone.now()))

        return ask(
            request, self, batch, title=gettext("Send"), form=ConfirmForm, act=act, tables=[_orders(batch)]
        )

    @action(description=_("File pain.001"), permissions=["pay_out"], icon="download")
    def download_xml(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The order as ISO 20022 message."""
        return _download(request, object_id, BankFile.Kind.PAIN_001, "application/xml", "xml")

    @action(description=_("Text file"), permissions=["pay_out"], icon="download")
    def download_text(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The order as lines of text."""
        return _download(request, object_id, BankFile.Kind.TEXT, "text/plain; charset=gb18030", "txt")

    def _step(self, request: HttpRequest, object_id: str, title: str, step: Any) -> HttpResponse:
        batch = _batch(object_id)

        def act(given: dict[str, Any]) -> Facts:
            return _outcome(step(batch=batch, actor=request.user.get_username()))

        tables = [_orders(batch), _carried(batch)]
        return ask(request, self, batch, title=title, form=ConfirmForm, act=act, tables=tables)


def _batch(object_id: str) -> PayoutBatch:
    return get_object_or_404(PayoutBatch, pk=unquote(object_id))


def _download(request: HttpRequest, object_id: str, kind: str, media_type: str, ending: str) -> HttpResponse:
    batch = _batch(object_id)
    file = batch.files.filter(kind=kind).first()
    if file is None:
        raise Http404
    content = open_file(
        file=file,
        actor=request.user.get_username(),
        reason=batch.number,
    )
    return as_file(content, media_type, f"{batch.number}.{ending}")


def _orders(batch: PayoutBatch) -> Table:
    orders = batch.orders.select_related("merchant", "account").order_by("pk")[:ROWS]
    return Table(
        _("Orders"),
        [_("merchant"), _("payout account"), _("bank code (CNAPS)"), _("end-to-end id"), _("amount"), _("state"), _("why it came back")],
        [
            [link(each.merchant), link(each.account), each.account.bank_code, each.end_to_end_id, yuan(each.amount_fen),
             each.get_state_display(), each.failure]
            for each in orders
        ],
        columns(4),
        total=[_("Total"), "", "", "", yuan(batch.total_fen), "", ""],
        note=_("At most %(limit)s.") % {"limit": ROWS},
    )  # fmt: skip


def _carried(batch: PayoutBatch) -> Table:
    rows = batch.carried.select_related("merchant").order_by("pk")[:ROWS]
    return Table(
        _("Carried forward"),
        [_("merchant"), _("amount"), _("why")],
        [[link(each.merchant), yuan(each.amount_fen), each.get_why_display()] for each in rows],
        columns(1),
    )


def _files(batch: PayoutBatch) -> Table:
    return Table(
        _("Files"),
        [_("kind"), _("SHA-256"), _("actor"), _("at")],
        [
            [each.get_kind_display(), bytes(each.sha256).hex(), each.actor, at(each.at)]
            for each in batch.files.order_by("at")
        ],
    )


def _outcome(batch: PayoutBatch) -> Facts:
    return [(gettext("state"), batch.get_state_display())]

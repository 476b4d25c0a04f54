"""Cash drawers 钱箱: opened, looked at, counted by their clerk, confirmed by a supervisor."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import DrawerCount, DrawerSession
from accounts.selectors.drawers import ACTS, DrawerReport, drawer_report
from accounts.services.drawers import confirm_count, count_drawer, open_drawer, refuse_count
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.admin.deciding import DECISION, DecidedAdmin, approving
from citizencard.office.drawer_forms import CountForm, OpenDrawerForm
from citizencard.office.reasons import Facts, ask, ask_new
from citizencard.office.receipt_pages import receipt_link
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, signed_yuan, yuan

LATEST = 200


@admin.register(DrawerSession, site=office)
class DrawerSessionAdmin(ReadOnlyAdmin):
    """Who answers for which cash. What an open drawer should hold is for supervisors only: its clerk counts blind."""

    list_display = ["number", "hall", "float_yuan", "opened_at", "counted_at", "state_label"]
    list_filter = ["state", "hall"]
    list_select_related = ["hall"]
    search_fields = ["clerk"]
    search_help_text = _("Clerk")
    fields = ["clerk", "hall", "float_yuan", "opened_at", "counted_at", "state"]
    readonly_fields = ["float_yuan"]
    ordering = ["-pk"]
    actions_list = ["open"]
    actions_detail = ["count"]
    float_yuan = yuan_column("float_fen", _("float (yuan)"))

    @display(description=_("cash drawer"), ordering="pk")
    def number(self, obj: DrawerSession) -> str:
        """Clerk and number."""
        return str(obj)

    @display(
        description=_("state"),
        ordering="state",
        label={"open": "success", "counted": "warning", "closed": "info"},
    )
    def state_label(self, obj: DrawerSession) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def offers(self, obj: DrawerSession, step: str) -> bool:
        """Until a count stands."""
        return not obj.counts.exclude(state=DrawerCount.State.REFUSED).exists()

    def tables(self, request: HttpRequest, obj: DrawerSession) -> list[Table]:
        """The X report for those who do not count, the Z report for all."""
        report = drawer_report(obj)
        if obj.state == DrawerSession.State.OPEN and not request.user.has_perm("office.check_drawer"):
            return [_number_of_acts(report)]
        return [_acts(report), _sums(report), _counts(obj), _entries(obj)]

    @action(description=_("Open my drawer"), permissions=["use_drawer"], icon="point_of_sale", variant=None)
    def open(self, request: HttpRequest) -> HttpResponse:
        """With a counted float."""

        def act(given: dict[str, Any]) -> DrawerSession:
            return open_drawer(clerk=request.user.get_username(), hall=given["hall"], pieces=given["pieces"])

        return ask_new(request, self, title=gettext("Open my drawer"), form=OpenDrawerForm, act=act)

    @action(description=_("Count and close"), permissions=["use_drawer"], icon="calculate", variant=None)
    def count(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Blind: only afterwards the clerk learns what should have been there."""
        session = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            count = count_drawer(session=session, pieces=given["pieces"], actor=request.user.get_username())
            return [
                (gettext("counted (yuan)"), yuan(count.counted_fen)),
                (gettext("expected (yuan)"), yuan(count.expected_fen)),
                (gettext("over or short"), signed_yuan(count.difference_fen)),
                (gettext("Z report"), link(session)),
            ]

        return ask(request, self, session, title=gettext("Count and close"), form=CountForm, act=act)


@admin.register(DrawerCount, site=office)
class DrawerCountAdmin(DecidedAdmin):
    """Counts to confirm: the supervisor counts once more and takes the cash over."""

    may_decide = "office.check_drawer"
    actions_list = list[str]()
    approve = approving(_("Take the cash over"))
    list_display = ["session", "state_label", "counted", "over", "maker", "made_at", "checker"]
    list_select_related = ["session"]
    fields = ["session", "counted", "over", *DECISION]
    readonly_fields = ["counted", "over"]
    ordering = ["-pk"]
    counted = yuan_column("counted_fen", _("counted (yuan)"))

    @display(description=_("over or short"), ordering="difference_fen")
    def over(self, obj: DrawerCount) -> str:
        """Signed."""
        return signed_yuan(obj.difference_fen)

    def agree(self, row: DrawerCount, checker: str) -> DrawerCount:
        """The cash is in the safe."""
        return confirm_count(count=row, checker=checker)

    def turn_down(self, row: DrawerCount, checker: str, reason: str) -> DrawerCount:
        """The clerk counts again."""
        return refuse_count(count=row, checker=checker, reason=reason)

    def tables(self, request: HttpRequest, obj: DrawerCount) -> list[Table]:
        """What was counted, beside what the drawer has seen."""
        report = drawer_report(obj.session)
        return [_pieces(obj), _acts(report), _sums(report)]


def _number_of_acts(report: DrawerReport) -> Table:
    return Table(
        _("So far"),
        [_("business"), _("how many")],
        [[ACTS[act.kind], act.number] for act in report.acts],
        columns(1),
        note=_("Amounts are shown after the count."),
    )


def _acts(report: DrawerReport) -> Table:
    title = _("X report") if report.count is None else _("Z report")
    return Table(
        title,
        [_("business"), _("how many"), _("in"), _("out")],
        [[ACTS[act.kind], act.number, yuan(act.in_fen), yuan(act.out_fen)] for act in report.acts],
        columns(1, 2, 3),
        total=[_("Total"), sum(act.number for act in report.acts), yuan(report.in_fen),
               yuan(report.out_fen)],
    )  # fmt: skip


def _sums(report: DrawerReport) -> Table:
    rows = [
        [_("float"), yuan(report.session.float_fen)],
        [_("in"), yuan(report.in_fen)],
        [_("out"), yuan(-report.out_fen)],
        [_("expected"), yuan(report.expected_fen)],
    ]
    if report.count is not None:
        rows += [
            [_("counted"), yuan(report.count.counted_fen)],
            [_("over or short"), signed_yuan(report.count.difference_fen)],
        ]
    return Table(_("What the drawer holds"), [_("item"), _("amount")], rows, columns(1))


def _counts(session: DrawerSession) -> Table:
    return Table(
        _("counts of drawers"),
        [_("counted at"), _("counted (yuan)"), _("over or short"), _("state"), _("checked by"), _("why refused")],
        [
            [link(each, at(each.made_at)), yuan(each.counted_fen), signed_yuan(each.difference_fen), each.get_state_display(),
             each.checker or "–", each.answer or "–"]
            for each in session.counts.order_by("pk")
        ],
        columns(1, 2),
    )  # fmt: skip


def _entries(session: DrawerSession) -> Table:
    return Table(
        _("drawer entries"),
        [_("time"), _("business"), _("source document"), _("amount"), _("receipt")],
        [
            [at(each.journal.posted_at), ACTS[each.journal.kind], each.journal.source, signed_yuan(each.amount_fen),
             receipt_link(each)]
            for each in session.entries.select_related("journal", "receipt__hall").order_by("-pk")[:LATEST]
        ],
        columns(3),
        note=_("At most %(limit)s.") % {"limit": LATEST},
    )  # fmt: skip


def _pieces(count: DrawerCount) -> Table:
    pieces = sorted(((int(worth), number) for worth, number in count.pieces.items()), reverse=True)
    return Table(
        _("notes and coins"),
        [_("worth"), _("how many"), _("amount")],
        [[yuan(worth), number, yuan(worth * number)] for worth, number in pieces],
        columns(0, 1, 2),
        total=[_("Total"), "", yuan(count.counted_fen)],
    )

"""Same-day reversals 当日冲正: asked for on the page of the order or the card, decided on their own."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.errors import NotReversible
from accounts.models import Card, CounterReversal, DrawerEntry, TopUpOrder
from accounts.selectors.drawers import ACTS
from accounts.selectors.receipts import receipt_words
from accounts.services.counter_reversals import approve_reversal, propose_reversal, refuse_reversal
from citizencard.core.calendar import shanghai
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.reasons import Facts, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, signed_yuan


@admin.register(CounterReversal, site=office)
class CounterReversalAdmin(DecidedAdmin):
    """What clerks want undone today."""

    may_decide = "office.check_drawer"
    actions_list = list[str]()
    list_display = ["business", "amount", "reason", "state_label", "maker", "made_at", "checker"]
    list_select_related = ["entry__journal"]
    fields = ["business", "amount", "reason", *DECISION]
    readonly_fields = ["business", "amount"]
    ordering = ["-pk"]

    @display(description=_("business"))
    def business(self, obj: CounterReversal) -> str:
        """What it was."""
        return str(ACTS[obj.entry.journal.kind])

    @display(description=_("amount (yuan)"), ordering="entry__amount_fen")
    def amount(self, obj: CounterReversal) -> str:
        """What went into the drawer."""
        return signed_yuan(obj.entry.amount_fen)

    def agree(self, row: CounterReversal, checker: str) -> CounterReversal:
        """The drawer gives the cash back."""
        return approve_reversal(reversal=row, checker=checker)

    def turn_down(self, row: CounterReversal, checker: str, reason: str) -> CounterReversal:
        """It stays as it is."""
        return refuse_reversal(reversal=row, checker=checker, reason=reason)

    def tables(self, request: HttpRequest, obj: CounterReversal) -> list[Table]:
        """The act that would be undone."""
        words, entry = receipt_words(obj.entry), obj.entry
        return [
            Table(
                _("To be undone"),
                [_("business"), _("amount"), _("card number"), _("source document"), _("clerk"), _("time")],
                [
                    [what, signed_yuan(fen), words.card, words.document or "–", entry.session.clerk,
                     at(entry.journal.posted_at)]
                    for what, fen in words.lines
                ],
                columns(1),
            )
        ]  # fmt: skip


def act_of(subject: TopUpOrder | Card) -> DrawerEntry | None:
    """The cash act by which an order was paid or a card sold at a counter; None where no drawer took the money."""
    key = f"topup-paid:{subject.number}" if isinstance(subject, TopUpOrder) else f"card-sale:{subject.pan}"
    return DrawerEntry.objects.select_related("journal", "receipt__hall").filter(journal__key=key).first()


def is_todays(subject: TopUpOrder | Card) -> bool:
    """Whether a page offers to undo it; the service knows more reasons not to."""
    act = act_of(subject)
    return act is not None and shanghai(act.journal.posted_at).date() == shanghai(timezone.now()).date()


def reversal_page(request: HttpRequest, model_admin: ModelAdmin, subject: TopUpOrder | Card) -> HttpResponse:
    """Why it shall be undone; a supervisor decides."""

    def act(reason: str) -> Facts:
        entry = act_of(subject)
        if entry is None:
            raise NotReversible(reason=gettext("no drawer took the money."))
        made = propose_reversal(entry=entry, actor=request.user.get_username(), reason=reason)
        return [(gettext("same-day reversal"), link(made)), (gettext("state"), made.get_state_display())]

    return ask_reason(request, model_admin, subject, title=gettext("Reverse"), act=act)

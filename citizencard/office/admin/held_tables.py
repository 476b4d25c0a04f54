"""What speaks for what: the facts of a purchase that waits, and what was proposed for it."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from citizencard.office.tables import Table, at, columns, yuan
from terminals.models import HeldProposal, WaitingPurchase
from terminals.selectors.held import HeldFacts


def facts_table(facts: HeldFacts) -> Table:
    """Each fact in a line, those that there are."""
    return Table(_("Facts"), [_("what"), _("which")], list(_lines(facts)))


def proposals_table(waiting: WaitingPurchase) -> Table:
    """The proposals for it, the rejected ones too."""
    proposals = HeldProposal.objects.filter(what=waiting.what, subject_id=waiting.subject_id).order_by("pk")
    return Table(
        _("Proposals"),
        [
            _("proposed at"), _("proposed by"), _("to the merchant"), _("reason"), _("state"), _("decided by"),
            _("why rejected"),
        ],
        [
            [
                at(each.made_at), each.maker, "–" if each.paid_fen is None else yuan(each.paid_fen), each.reason,
                each.get_state_display(), each.checker or "–", each.answer or "–",
            ]
            for each in proposals
        ],
        columns(2),
    )  # fmt: skip


def _lines(facts: HeldFacts) -> Iterator[tuple[str, object]]:
    if tap := facts.tap:
        yield gettext("offline ATC"), tap.atc
        yield gettext("terminal sequence"), tap.terminal_seq
        yield gettext("chip balance after (yuan)"), yuan(tap.balance_fen)
        yield gettext("received at"), at(tap.received_at)
        yield gettext("note"), tap.note or "–"
    if facts.price_fen is not None:
        yield gettext("most that the tariff of its date comes to (yuan)"), yuan(facts.price_fen)
    if terms := facts.terms:
        yield gettext("limit for one purchase (yuan)"), yuan(terms.purchase_limit_fen)
        yield gettext("legal basis"), terms.legal_basis
    if other := facts.other:
        amount, when = yuan(other.amount_fen), at(other.occurred_at)
        yield (
            gettext("first purchase with this counter"),
            f"{amount} · {when} · {other.get_outcome_display()}",
        )
    if entry := facts.entry:
        yield gettext("reported lost or suspected at"), at(entry.effective_at)
        yield gettext("on the list since"), at(entry.listed_at)
        yield gettext("applied by the terminal at"), at(facts.applied_at)

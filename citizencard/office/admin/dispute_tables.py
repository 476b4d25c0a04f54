"""The story of a dispute in tables: what the system knows by itself, in words; who said and did what; where the money is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Card, TopUpOrder
from accounts.selectors.disputed import owed_back_fen
from citizencard.office.tables import Table, at, columns, link, yuan
from settlement.models import Dispute, DisputeDecision
from terminals.models import FareCharge, Terminal


def facts_table(dispute: Dispute) -> Table:
    """What was known at the opening; each fact a line, those that there are."""
    return Table(
        _("What the system knows"),
        [_("what"), _("which")],
        list(_lines(dispute.facts)),
        note=_("As it was when the dispute was opened."),
    )


def story_table(dispute: Dispute) -> Table:
    """Who said and did what, in its order. What was said is sealed."""
    steps: list[tuple[datetime, str, str, object]] = [
        (dispute.opened_at, gettext("opened"), dispute.opened_by, dispute.get_kind_display())
    ]
    if dispute.asked_at:
        steps.append((dispute.asked_at, gettext("evidence asked for"), "–", dispute.merchant or "–"))
    for piece in dispute.evidence.all():
        size = f"{piece.get_file_kind_display()}, {piece.file_bytes:,} B" if piece.file_kind else ""
        what = gettext("evidence of %(party)s") % {"party": piece.get_party_display()}
        steps.append((piece.filed_at, what, piece.actor, size or gettext("words")))
    for decision in dispute.decisions.all():
        steps.append((decision.made_at, _decided(decision), decision.maker, _why(decision)))
        if decision.checked_at:
            state = decision.get_state_display()
            steps.append((decision.checked_at, state, decision.checker or "–", decision.answer or "–"))
    if dispute.closed_at:
        steps.append((dispute.closed_at, gettext("over"), "–", dispute.get_state_display()))
    rows = [[at(when), *rest] for when, *rest in sorted(steps, key=lambda step: step[0])]
    return Table(_("Story"), [_("time"), _("what"), _("actor"), _("detail")], rows)


def money_table(dispute: Dispute) -> Table:
    """What was charged and credited, who bears it, and what has still to come back."""
    charge = dispute.charge
    rows: list[tuple[object, object]] = [
        (gettext("charged"), yuan(dispute.charged_fen)),
        (gettext("disputed"), yuan(charge.amount_fen)),
        (gettext("credit to the holder"), link(charge.order) if charge.order else gettext("none yet")),
    ]
    if charge.bearer:
        rows.append((gettext("borne by"), charge.bearer))
    rows += [(part.get_rule_display(), yuan(part.amount_fen)) for part in charge.returns.order_by("pk")]
    if owed_fen := owed_back_fen(charge):
        rows.append((gettext("still owed by the holder"), yuan(owed_fen)))
    return Table(_("Money (yuan)"), [_("what"), _("which")], rows)


def clock_table(dispute: Dispute) -> Table:
    """The policy by which the case is decided."""
    policy = dispute.policy
    return Table(
        _("Clock"),
        [_("evidence"), _("decision"), pgettext("dispute", "appeal"), _("two people from (yuan)"), _("advance up to (yuan)")],
        [
            [
                policy.evidence_days, policy.decide_days, policy.appeal_days, yuan(policy.two_people_from_fen),
                yuan(policy.advance_up_to_fen),
            ]
        ],
        columns(0, 1, 2, 3, 4),
        note=gettext("Working days. %(basis)s") % {"basis": policy.legal_basis},
    )  # fmt: skip


def disputes_table(card: Card) -> list[Table]:
    """A card's disputes; no table where there is none."""
    disputes = Dispute.objects.filter(charge__card=card).select_related("charge").order_by("-pk")
    rows = [
        [
            link(each),
            each.get_kind_display(),
            yuan(each.charge.amount_fen),
            each.get_state_display(),
            each.due_on or "–",
        ]
        for each in disputes
    ]
    headers = [_("number"), _("kind"), _("amount"), _("state"), _("due on")]
    return [Table(_("Disputes"), headers, rows, columns(2))] if rows else []


def _decided(decision: DisputeDecision) -> str:
    words = gettext("on appeal: %(decision)s") if decision.on_appeal else "%(decision)s"
    return words % {"decision": decision.get_outcome_display()}


def _why(decision: DisputeDecision) -> str:
    reason = decision.reason if decision.rule == DisputeDecision.Rule.PEOPLE else decision.get_rule_display()
    return f"{decision.get_bearer_display()}: {reason}" if decision.bearer else reason


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield gettext("state of the card"), Card.State(facts["card_state"]).label
    yield from _of_record(facts)
    yield from _of_fare(facts)
    yield from _of_top_up(facts)


def _of_record(facts: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The record of a purchase, what stands beside it on the card, its terminal and list."""
    if "tac" not in facts:
        return
    yield gettext("proof of the card (TAC)"), gettext("right: this card has paid this amount")
    yield (
        gettext("record"),
        gettext("counter %(counter)s of the card, %(terminal_seq)s of the terminal") % facts,
    )
    way = gettext("online, batch %(batch)s") if facts["online"] else gettext("offline, batch %(batch)s")
    yield gettext("came in"), f"{way % facts} · {_moment(facts['received_at'])}"
    state = Terminal.State(facts["terminal_state"]).label
    yield gettext("terminal"), f"{facts['terminal']} · {facts['terminal_no']} · {state}"
    if facts.get("drift_ms"):
        yield (
            gettext("clock of the terminal"),
            gettext("%(seconds)s s off") % {"seconds": facts["drift_ms"] // 1000},
        )
    yield gettext("chip balance after (yuan)"), yuan(facts["balance_after_fen"])
    for name, words in (("before", gettext("use before it")), ("after", gettext("use after it"))):
        yield words, _use(facts[name]) if facts[name] else gettext("none")
    alike = facts["alike"]
    yield (
        gettext("same amount at the same merchant within half an hour"),
        "; ".join(map(_use, alike)) if alike else gettext("none"),
    )
    if "list_version" in facts:
        yield gettext("list that the terminal applied"), facts["list_version"]
    if "reported_at" in facts:
        yield gettext("reported lost or suspected at"), _moment(facts["reported_at"])


def _of_fare(facts: dict[str, Any]) -> Iterator[tuple[str, object]]:
    if "fare_due_fen" in facts:
        words = gettext("%(due)s yuan by tariff %(fare_tariff)s, version %(fare_version)s of the price")
        yield gettext("due by the published fares"), words % (facts | {"due": yuan(facts["fare_due_fen"])})
    if "fare_how" in facts:
        yield gettext("how priced"), FareCharge.How(facts["fare_how"]).label


def _of_top_up(facts: dict[str, Any]) -> Iterator[tuple[str, object]]:
    if "order" not in facts:
        return
    yield gettext("order"), f"{facts['order']} · {TopUpOrder.Channel(facts['channel']).label}"
    yield gettext("paid at"), _moment(facts["paid_at"])
    proof = TopUpOrder.Proof(facts["proof"]).label
    yield gettext("arrived by the books"), f"{_moment(facts['confirmed_at'])} · {proof}"
    if "counter" in facts:
        words = gettext("counter %(counter)s, terminal %(terminal_no)s, %(before)s yuan on the chip before")
        known = {"terminal_no": "–"} | facts | {"before": yuan(facts["balance_before_fen"])}
        yield gettext("load onto the chip"), words % known


def _use(line: dict[str, Any]) -> str:
    words = gettext("counter %(counter)s · %(amount)s yuan · %(when)s · %(terminal)s")
    return words % (line | {"amount": yuan(line["amount_fen"]), "when": _moment(line["occurred_at"])})


def _moment(text: str) -> str:
    return at(datetime.fromisoformat(text))

"""Steps of a card's life at the counter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.models import Card
from accounts.selectors.people import find_citizen
from citizencard.bridge.desk import card_here
from citizencard.core.errors import NotFound
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import LossForm, ProofForm, RegisterForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.tables import at
from terminals.services.losses import lift_loss, report_card_lost
from terminals.services.registering import PURPOSE, register_with_chip
from terminals.services.usable import activate, let_go_on, suspend

State = Card.State
FROM: Final[Mapping[str, tuple[Card.State, ...]]] = {
    "activate": (State.ISSUED,),
    "report_lost": Card.HELD,
    "found": (State.LOST_TEMP,),
    "suspend": (State.ACTIVE,),
    "let_go_on": (State.SUSPENDED,),
}
"""In which states a card's page offers a step."""


class CardSteps(ReadOnlyAdmin):
    """What a clerk does with a card that its holder has, or misses."""

    @action(description=_("Activate"), permissions=["run_card"], icon="check_circle", variant=None)
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder has shown a document: terminals take the card from now on."""
        card = _card(object_id)

        def act(given: dict[str, Any]) -> Facts:
            activated = activate(
                card=card, actor=request.user.get_username(), occurred_at=timezone.now(), **given
            )
            return [(gettext("state"), activated.get_state_display())]

        return ask(request, self, card, title=gettext("Activate"), form=ProofForm, act=act)

    @action(description=_("Report lost"), permissions=["report_loss"], icon="report", variant=None)
    def report_lost(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For now or for good; the holder is given the number and the exact time."""
        card = _card(object_id)

        def act(given: dict[str, Any]) -> Facts:
            report = report_card_lost(
                card=card, actor=request.user.get_username(), occurred_at=timezone.now(), **given
            )
            facts = [
                (gettext("reference number"), report.number),
                (gettext("effective at"), at(report.effective_at)),
                (gettext("hot list version"), str(report.entry_id)),
            ]
            if report.lapses_at:
                facts.append((gettext("lapses at"), at(report.lapses_at)))
            return facts

        return ask(request, self, card, title=gettext("Report lost"), form=LossForm, act=act)

    @action(description=_("Loss taken back"), permissions=["report_loss"], icon="task_alt", variant=None)
    def found(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A card that was reported for now is back with its holder."""
        return self._step(request, object_id, gettext("Loss taken back"), lift_loss)

    @action(description=_("Suspend"), permissions=["run_card"], icon="pause_circle", variant=None)
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Terminals refuse it until somebody lets it go on."""
        return self._step(request, object_id, gettext("Suspend"), suspend)

    @action(description=_("Let go on"), permissions=["run_card"], icon="play_circle", variant=None)
    def let_go_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What it was suspended for is over."""
        return self._step(request, object_id, gettext("Let go on"), let_go_on)

    @action(
        description=_("Register in a name"), permissions=["replace_card"], icon="how_to_reg", variant=None
    )
    def register(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """An anonymous card lies on the reader, and its holder has shown a document: it is theirs by name from now on."""
        card = _card(object_id)

        def act(given: dict[str, Any]) -> Facts:
            citizen = find_citizen(document_number=given["document_number"])
            if citizen is None:
                raise NotFound(what=gettext("citizen"))
            with card_here(request, purpose=PURPOSE) as transport:
                registration = register_with_chip(
                    card=card,
                    citizen=citizen,
                    product=given["product"],
                    transport=transport,
                    actor=request.user.get_username(),
                    occurred_at=timezone.now(),
                )
            return [
                (gettext("citizen"), str(citizen)),
                (gettext("product"), str(given["product"])),
                (gettext("registered at"), at(registration.registered_at)),
            ]

        return ask(request, self, card, title=gettext("Register in a name"), form=RegisterForm, act=act)

    def _step(
        self, request: HttpRequest, object_id: str, title: str, service: Callable[..., Card]
    ) -> HttpResponse:
        card = _card(object_id)

        def act(reason: str) -> Facts:
            moved = service(
                card=card, actor=request.user.get_username(), reason=reason, occurred_at=timezone.now()
            )
            return [(gettext("state"), moved.get_state_display())]

        return ask_reason(request, self, card, title=title, act=act)


def _card(object_id: str) -> Card:
    return get_object_or_404(Card, pk=unquote(object_id))

"""Steps of a card's life at the counter."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.models import Card
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ProofForm
from citizencard.office.reasons import Facts, ask
from terminals.services.activation import activate


class CardSteps(ReadOnlyAdmin):
    """What a clerk does with a card that its holder has."""

    @action(description=_("Activate"), permissions=["run_card"], icon="check_circle", variant=None)
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder has shown a document: terminals take the card from now on."""
        card = get_object_or_404(Card, pk=unquote(object_id))

        def act(given: dict[str, Any]) -> Facts:
            activated = activate(
                card=card, actor=request.user.get_username(), occurred_at=timezone.now(), **given
            )
            return [(gettext("state"), activated.get_state_display())]

        return ask(request, self, card, title=gettext("Activate"), form=ProofForm, act=act)

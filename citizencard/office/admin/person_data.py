"""Steps with a person's data in clear, or about the data themselves: shown, copied, put right, erased. The diary has each."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.models import Citizen
from accounts.services.citizens import reveal_citizen
from accounts.services.corrections import correct_citizen
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.people_forms import CorrectionForm, RevealForm
from citizencard.office.reasons import Facts, ask
from citizencard.office.report_pages import as_file
from citizencard.privacy.services.copies import copy_at_counter
from citizencard.privacy.services.erasures import request_erasure


class PersonData(ReadOnlyAdmin):
    """What staff do with the data of a citizen who stands before them."""

    def has_erase_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user take in requests to be erased?"""
        return request.user.has_perm("privacy.check_erasurerequest")

    @action(description=_("Reveal personal data"), permissions=["reveal"], icon="visibility")
    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then show the data once; leaving the page hides them again."""
        citizen = get_object_or_404(Citizen, pk=unquote(object_id))

        def show(given: dict[str, Any]) -> Facts:
            actor = request.user.get_username()
            clear = reveal_citizen(citizen=citizen, actor=actor, reason=given["reason"])
            return [
                (pgettext("person", "name"), clear.name),
                (gettext("document number"), clear.document_number),
                (gettext("phone"), clear.phone or "–"),
            ]

        title = gettext("Reveal personal data")
        return ask(request, self, citizen, title=title, form=RevealForm, act=show)

    @action(description=_("Put right what is wrong"), permissions=["register"], icon="edit", variant=None)
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Phone or birth date, on a proof; documents have a step of their own, and so has a name, which takes two people."""
        citizen = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            done = correct_citizen(
                citizen=citizen,
                field=given["field"],
                value=given["value"],
                proof=given["reason"],
                actor=request.user.get_username(),
            )
            return [
                (pgettext("person", "name"), done.name_mask),
                (gettext("phone"), done.phone_mask or "–"),
            ]

        title = gettext("Put right what is wrong")
        return ask(request, self, citizen, title=title, form=CorrectionForm, act=act)

    @action(
        description=_("Take in a request to be erased"),
        permissions=["erase"],
        icon="person_off",
        variant=None,
    )
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The person asks for it at the counter; what stands against it is said at once."""
        citizen = self.object_of(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            actor = request.user.get_username()
            made = request_erasure(citizen=citizen, actor=actor, now=timezone.now())
            return [(gettext("state"), made.get_state_display()), (gettext("due on"), str(made.due_on))]

        title = gettext("Take in a request to be erased")
        return ask(request, self, citizen, title=title, form=ConfirmForm, act=act)

    @action(
        description=_("Hand out a copy of the data"), permissions=["reveal"], icon="file_save", variant=None
    )
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Everything on record about the person as a file, for the person."""
        citizen, form = self.object_of(request, object_id), RevealForm(request.POST or None)
        if form.is_valid():
            copy = copy_at_counter(
                citizen=citizen,
                actor=request.user.get_username(),
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
            )
            content = json.dumps(copy, ensure_ascii=False, indent=1).encode()
            return as_file(content, "application/json", f"copy-{citizen.pk}.json")
        title = gettext("Hand out a copy of the data")
        return ask(request, self, citizen, title=title, form=lambda _data: form, act=lambda _given: [])

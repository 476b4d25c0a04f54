"""Four eyes: what one person asks for and another decides, once. The database lets nobody be both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.errors import AlreadyDecided, MakerIsChecker
from citizencard.core.states import StatefulModel, step_to

DECISION: Final = ("state", "checker", "checked_at", "answer")
"""What deciding writes; nothing else of such a row changes."""


class MadeAndChecked(StatefulModel):
    """Who asked for it and who decided, when, and why not. The states are the model's own."""

    maker = models.CharField(_("proposed by"), max_length=150)
    made_at = models.DateTimeField(_("proposed at"), db_default=Now(), editable=False)
    checker = models.CharField(_("checked by"), max_length=150, blank=True, default="", db_default="")
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    answer = models.CharField(_("why refused"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        abstract = True


class Proposed(MadeAndChecked):
    """The plain kind: proposed, then approved or refused by a second person."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | models.Q(state__in=["approved", "refused"], checker__gt="", checked_at__isnull=False)
                & ~models.Q(checker=models.F("maker")),
                name="%(app_label)s_%(class)s_by_two",
            )
        ]

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None:
        """A second person agrees."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person does not agree."""


M = TypeVar("M", bound=MadeAndChecked)
P = TypeVar("P", bound=Proposed)


def sign(
    row: M, step: Callable[[M], object], target: models.TextChoices, *, checker: str, answer: str = ""
) -> M:
    """Take the step to `target` in the name of `checker`; the caller holds the row's lock and saves DECISION.

    Raises AlreadyDecided, MakerIsChecker.
    """
    with step_to(target, AlreadyDecided):
        step(row)
    if checker == row.maker:
        raise MakerIsChecker
    row.checker, row.checked_at, row.answer = checker, timezone.now(), answer
    return row


def decide(
    row: M, step: Callable[[M], object], target: models.TextChoices, *, checker: str, answer: str = ""
) -> M:
    """As `sign`, and saved."""
    sign(row, step, target, checker=checker, answer=answer).save(update_fields=DECISION)
    return row


def approve(row: P, *, checker: str) -> P:
    """Agree to a locked row, see `decide`."""
    return decide(row, type(row).approve, Proposed.State.APPROVED, checker=checker)


def refuse(row: P, *, checker: str, answer: str) -> P:
    """Refuse a locked row and say why, see `decide`."""
    return decide(row, type(row).refuse, Proposed.State.REFUSED, checker=checker, answer=answer)

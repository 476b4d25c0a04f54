"""State machines on rows: a protected state, which only its transitions change, and the typed refusal of a wrong one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self, TypeVar

from django.db import models
from django_fsm import FSMFieldMixin, TransitionNotAllowed

from citizencard.core.errors import CitizenCardError

M = TypeVar("M", bound=models.Model)


class StatefulModel(models.Model):
    """A model whose states are protected: nothing but a transition, and reading the row anew, changes them.

    Django reads anew by assignment, which a protected field refuses. The library's own FSMModelMixin takes the protection off
    the field meanwhile, for every row in every thread: others may then assign, or are refused in the middle of reading. Here
    a row lets go of its own state instead, as one that was never read.
    """

    _let_go: frozenset[str] = frozenset()

    class Meta:
        abstract = True

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Self] | None = None,
    ) -> None:
        """As Django's, states included; what was not read, e.g. because the row is gone, stays as it was."""
        states = {field.attname for field in self._meta.concrete_fields if isinstance(field, FSMFieldMixin)}
        held = {name: self.__dict__.pop(name) for name in states & self.__dict__.keys()}
        self._let_go = frozenset(held)
        try:
            super().refresh_from_db(using, fields, from_queryset)
        finally:
            del self._let_go
            for name, state in held.items():
                self.__dict__.setdefault(name, state)

    def get_deferred_fields(self) -> set[str]:
        """As Django's: a state that is just being read anew is not a deferred one."""
        return super().get_deferred_fields() - self._let_go


@contextmanager
def step_to(target: models.TextChoices, refusal: type[CitizenCardError]) -> Iterator[None]:
    """A transition to `target` is taken inside. Raises `refusal`, with the labels of `source` and `target`, where the row's
    `state` has no such step.
    """
    try:
        yield
    except TransitionNotAllowed as error:
        source = type(target)(error.object.state)
        raise refusal(source=source.label, target=target.label) from error


def lock_row(row: M) -> M:
    """The row as it is now, until the caller's transaction ends: two people do not both take its next step."""
    return type(row)._default_manager.select_for_update(no_key=True).get(pk=row.pk)

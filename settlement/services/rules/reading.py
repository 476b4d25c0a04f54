"""Reading what was handed in: every refusal names field and rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import IntegrityError, connection, transaction
from django_stubs_ext import StrOrPromise

from citizencard.core.errors import InvalidField
from terminals.fares.errors import DocumentError
from terminals.fares.fields import Fields

FEN_MAX = 10**13
"""A hundred billion yuan: more than a month of any merchant."""


@contextmanager
def read(content: object) -> Iterator[Fields]:
    """The object's fields; when the block ends, none may be left that was not asked for. Raises InvalidField."""
    try:
        fields = Fields(content)
        yield fields
        fields.done()
    except DocumentError as error:
        raise InvalidField(error.field or "document", error.rule) from error


@contextmanager
def judged_by_the_database(sentences: Mapping[str, tuple[str, StrOrPromise]]) -> Iterator[None]:
    """What is written inside is judged at its end, deferred rules included.

    Raises InvalidField where the database refuses it by a constraint in `sentences`: its field, and the rule for people.
    """
    try:
        with transaction.atomic():
            yield
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        told = sentences.get(str(getattr(diagnosis, "constraint_name", "")))
        if told is None:
            raise
        raise InvalidField(*told) from error

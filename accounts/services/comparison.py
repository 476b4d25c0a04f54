"""Comparison lists 比对: what another authority says of people on our register becomes changes that a second person decides on.

Of people who are not on the register nothing is kept, nor of what is on record already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import IntegrityError, transaction

from accounts.errors import ComparisonRefused
from accounts.models import Citizen, ComparisonList, IdentityDocument, PersonChange
from accounts.selectors.people import TABLE
from accounts.services.comparison_file import Fault, Header, Line, Problem, read_comparison_file
from citizencard.core.audit import record_audit
from citizencard.core.pii import Kind, blind_indexes, mask_name, seal_many

_CHUNK: Final = 5_000


def check_comparison(*, content: bytes) -> list[Problem]:
    """The dry run: everything that is wrong with a list, without taking anything."""
    return list(read_comparison_file(content).problems)


def take_comparison(*, content: bytes, maker: str) -> ComparisonList:
    """Take a list; whatever it says of people on the register waits for a second person. The same file again is the same list.

    Raises ComparisonRefused with every problem, KeyServiceUnavailable. Audited.
    """
    file = read_comparison_file(content)
    if known := ComparisonList.objects.filter(sha256=file.sha256).first():
        return known
    if file.problems or file.header is None:
        raise ComparisonRefused(file.problems)
    matched = [
        each
        for start in range(0, len(file.lines), _CHUNK)
        for each in _matched(file.lines[start : start + _CHUNK])
    ]
    changes = _sealed(_new(matched), file.header, maker)
    try:
        with transaction.atomic():
            taken = ComparisonList.objects.create(
                number=file.header.number,
                source=file.header.source,
                as_of=file.header.as_of,
                sha256=file.sha256,
                lines=len(file.lines),
                known=len(matched),
                maker=maker,
            )
            for change in changes:
                change.list = taken
            # What somebody has reported at this very moment is not asked for twice.
            PersonChange.objects.bulk_create(changes, batch_size=_CHUNK, ignore_conflicts=True)
            detail = {"lines": taken.lines, "known": taken.known, "changes": len(changes)}
            record_audit(
                actor=maker, action="comparison.take", subject=f"comparison:{taken.pk}", detail=detail
            )
    except IntegrityError:
        if known := ComparisonList.objects.filter(sha256=file.sha256).first():
            return known
        raise ComparisonRefused([Problem(0, "number", Fault.TWICE)]) from None
    return taken


def _matched(lines: Sequence[Line]) -> list[tuple[Line, Citizen]]:
    """Whose document it is, their master record."""
    indexes = blind_indexes(TABLE, "document", Kind.DOCUMENT, [line.document for line in lines])
    documents = IdentityDocument.objects.filter(number_index__in=indexes).select_related(
        "citizen__merged_into"
    )
    people = {bytes(each.number_index): each.citizen.merged_into or each.citizen for each in documents}
    return [(line, people[index]) for line, index in zip(lines, indexes, strict=True) if index in people]


def _new(matched: Sequence[tuple[Line, Citizen]]) -> list[tuple[Line, Citizen]]:
    """What is neither on record nor waiting; one change of a kind and day for each person."""
    standing = PersonChange.objects.filter(
        citizen__in={person.pk for _line, person in matched},
        state__in=[PersonChange.State.PROPOSED, PersonChange.State.APPROVED],
    )
    seen = set(standing.values_list("citizen_id", "kind", "on"))
    new = []
    for line, person in matched:
        key = (person.pk, line.kind, line.on)
        if key not in seen and is_news(person, line.kind):
            seen.add(key)
            new.append((line, person))
    return new


def is_news(person: Citizen, kind: str) -> bool:
    """Whether it says something that is not on record of the person; a new name always may."""
    match kind:
        case PersonChange.Kind.DECEASED:
            return person.deceased_on is None
        case PersonChange.Kind.ALIVE:
            return person.deceased_on is not None
        case PersonChange.Kind.MOVED_OUT:
            return person.moved_out_on is None
        case PersonChange.Kind.MOVED_IN:
            return person.moved_out_on is not None
    return True


def _sealed(new: Sequence[tuple[Line, Citizen]], header: Header, maker: str) -> list[PersonChange]:
    """The changes; names are sealed for the rows they may come to stand in. Who bears the name already is not renamed."""
    named = [(line, person) for line, person in new if line.name]
    names = [line.name for line, _person in named]
    indexes = blind_indexes(TABLE, "name", Kind.NAME, names)
    envelopes = seal_many((TABLE, "name", person.pk, line.name) for line, person in named)
    sealed = {
        line.row: (index, envelope)
        for (line, _), index, envelope in zip(named, indexes, envelopes, strict=True)
    }
    changes = []
    for line, person in new:
        index, envelope = sealed.get(line.row, (None, None))
        if index is not None and person.name_index is not None and bytes(person.name_index) == index:
            continue
        changes.append(
            PersonChange(
                citizen=person,
                kind=line.kind,
                on=line.on,
                source=f"{header.source} {header.number}",
                name_sealed=envelope,
                name_index=index,
                name_mask=mask_name(line.name) if line.name else "",
                maker=maker,
            )
        )
    return changes

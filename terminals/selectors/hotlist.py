"""The hot list as it was published: whole, in any version, and what leads from one version to another."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Max

from terminals.models import HotListVersion
from terminals.wire.packed import PackedCards, difference_of, pack_number

# A card's latest change tells whether it is listed. Changes of one card follow each other, so their numbers do, too.
_LISTED: Final = """
SELECT pan, effective_at FROM (
    SELECT DISTINCT ON (pan) pan, effective_at FROM terminals_hotlistchange
    WHERE version <= %(version)s OR id = ANY(%(also)s::bigint[]) ORDER BY pan, id DESC
) AS latest WHERE effective_at IS NOT NULL ORDER BY pan
"""
_CHANGED: Final = """
SELECT pan, effective_at, before FROM (
    SELECT DISTINCT ON (pan) pan, effective_at, (
        SELECT earlier.effective_at FROM terminals_hotlistchange AS earlier
        WHERE earlier.pan = later.pan AND earlier.version <= %(since)s ORDER BY earlier.id DESC LIMIT 1
    ) AS before FROM terminals_hotlistchange AS later
    WHERE version > %(since)s AND version <= %(version)s ORDER BY pan, id DESC
) AS latest WHERE effective_at IS DISTINCT FROM before
"""


# One question for everything that a terminal's question needs.
_STANDING: Final = """
SELECT coalesce(newest.version, 0), coalesce(encode(newest.digest, 'hex'), ''),
    EXISTS (SELECT FROM terminals_hotlistchange WHERE version IS NULL),
    EXISTS (SELECT FROM terminals_hotlistversion WHERE version = %(since)s AND version < newest.version)
FROM (SELECT) AS always LEFT JOIN (
    SELECT version, digest FROM terminals_hotlistversion ORDER BY version DESC LIMIT 1
) AS newest ON true
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest version and its digest (0 and empty before the first), whether there are changes to be published, and
    whether `since` is an older version.
    """

    version: int
    digest: str
    pending: bool
    since_is_older: bool


def standing(since: int = 0) -> Standing:
    """Where the list stands for a terminal that holds version `since`. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"since": since})
        return Standing(*cursor.fetchone())


def hot_list_version() -> int:
    """The newest published version; 0 before the first."""
    return int(HotListVersion.objects.aggregate(newest=Max("version"))["newest"] or 0)


def packed_list(version: int | None, *, also: Sequence[int] = ()) -> PackedCards:
    """The list of a version (None: the newest) as terminals keep it; `also` with these changes, which have no version yet."""
    return PackedCards.pack(dict(_listed(hot_list_version() if version is None else version, also)))


def packed_difference(since: int, version: int) -> bytes:
    """What leads from one published version to a later one. As much work as there are changes between the two."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, {"since": since, "version": version})
        changes = cursor.fetchall()
    added = PackedCards.pack({pan: now for pan, now, _ in changes if now is not None})
    gone = sorted(pack_number(pan) for pan, now, _ in changes if now is None)
    return difference_of(added, array("Q", gone))


def _listed(version: int, also: Sequence[int] = ()) -> list[tuple[str, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(_LISTED, {"version": version, "also": list(also)})
        found: list[tuple[str, datetime]] = cursor.fetchall()
    return found

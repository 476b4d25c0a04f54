"""The hot list for a fleet: what a terminal is answered when it asks for what follows its version, next to a bare view.

Everybody comes from one of fifty versions, all at once: the morning after a night without a line. The bare view on the
same server gives out as many bytes and knows nobody: it checks no signature and asks no database. A terminal that comes from another version than before acknowledges that one: a row,
and a commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone
from requests import Request

from benchmarks.client import wire_form
from benchmarks.field import Till
from benchmarks.online import hammer
from benchmarks.timing import Result, Rounds
from terminals.models import HotListEntry, SignedDocument
from terminals.selectors.hotlist import packed_difference, packed_list
from terminals.services.publishing import publish_hot_list
from terminals.wire.lists import Document, sha256
from terminals.wire.packed import PackedCards

CLIENTS = 8
ASKED, QUICK_ASKED = 800, 80
"""Of a fleet of five thousand, so many a round: enough to come from every version many times."""
CARDS, QUICK_CARDS = 20_000, 500
VERSIONS = 50
DELTA, AGAIN, BARE = "difference, and a version acknowledged", "the same again", "bare view, as many bytes"


def run(*, address: str, tills: Sequence[Till], rounds: int, quick: bool) -> Result:
    """Requests per second of a fleet that comes from many versions, every request signed and verified."""
    asked_for, cards = (QUICK_ASKED, QUICK_CARDS) if quick else (ASKED, CARDS)
    turns = asked_for // CLIENTS
    size = {"clients": CLIENTS, "requests": asked_for, "cards": cards, "versions": VERSIONS}
    result = Result("hotlist", f"Hot list, terminals of all versions at once, {CLIENTS} at a time", size)
    versions = _published(cards)
    body = _difference(versions[0], versions[-1])
    figures, warm = Rounds(), Rounds()
    for number in range(rounds + 1):
        into = figures if number else warm
        asked = [
            [_ask(tills[client], address, versions[turn % (VERSIONS - 1)]) for turn in range(turns)]
            for client in range(CLIENTS)
        ]
        answers = hammer(into, DELTA, address, asked)
        result.check("every difference leads to the newest list", _lead_to(answers, versions, turns))
        # Who asks again from the same version acknowledges nothing new: no row is written.
        again = [[_ask(tills[client], address, versions[-2])] * turns for client in range(CLIENTS)]
        hammer(into, AGAIN, address, again)
        hammer(into, BARE, address, [[_bare(address, len(body))] * turns] * CLIENTS)
    kept = SignedDocument.objects.filter(kind="hot_list", version=versions[-1]).count()
    result.check("each difference was made once", kept == min(turns, VERSIONS - 1))
    result.figures = figures.figures()
    result.ratio("difference / bare view", DELTA, BARE)
    result.ratio("the same again / bare view", AGAIN, BARE)
    result.notes.append(f"a difference has {len(body):,} bytes, the whole list {12 * cards:,}")
    return result


def _published(cards: int) -> list[int]:
    """A list of so many cards in fifty versions: most are old, the last ones came one after another."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO terminals_hotlistentry (pan, reason, effective_at) "
            "SELECT '310400' || lpad(n::text, 13, '0'), 'bench', now() FROM generate_series(1, %s) AS n",
            [cards],
        )
    versions = []
    for number in range(VERSIONS):
        HotListEntry.objects.create(pan=f"310499{number:013}", reason="bench", effective_at=timezone.now())
        version = publish_hot_list()
        assert version is not None
        versions.append(version.pk)
    return versions


def _difference(since: int, version: int) -> bytes:
    return packed_difference(since, version) + bytes(700)


def _lead_to(answers: Sequence[bytes], versions: Sequence[int], turns: int) -> bool:
    """Two of the answers, applied to the list of their version; all name the same result, none is missing."""
    newest = packed_list(versions[-1]).to_bytes()
    documents = {document.statement.previous: document for document in map(Document.from_bytes, set(answers))}
    expected = set(versions[: min(turns, VERSIONS - 1)])
    some = [documents[since] for since in (min(expected), max(expected))]
    applied = [packed_list(each.statement.previous).apply(each.content) for each in some]
    right = all(isinstance(each, PackedCards) and each.to_bytes() == newest for each in applied) and all(
        each.statement.result == sha256(newest) for each in documents.values()
    )
    return right and documents.keys() == expected


def _ask(till: Till, address: str, since: int) -> bytes:
    return wire_form(till.asking(f"http://{address}/api/v1/documents/hot_list/{since}"))


def _bare(address: str, size: int) -> bytes:
    return wire_form(Request("GET", f"http://{address}/bare-bytes/{size}").prepare())

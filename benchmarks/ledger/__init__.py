"""The ledger's own benchmarks: one posting, a busy merchant, sets, what integrity costs, questions, the audit, a crowd."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from benchmarks.timing import Result

PURSES, MERCHANTS = 20_000, 1_000
QUICK_PURSES = 500


def run(studies: Collection[str], *, rounds: int, quick: bool, large: bool) -> Iterator[Result]:
    """Those of `studies`, each in a fresh copy of the same world."""
    if not studies:
        return

    from django.utils import timezone

    from benchmarks.databases import (
        connected_to,
        copied_database,
        execute_as_owner,
        migrated_database,
        new_database,
    )
    from benchmarks.ledger import audit, crowd, hot, integrity, queries, sets, single
    from benchmarks.ledger.peers import running_peers
    from benchmarks.ledger.world import found_world, read_world

    compared = {"ledger-single": single, "ledger-sets": sets}
    alone = {
        "ledger-hot": hot,
        "ledger-integrity": integrity,
        "ledger-crowd": crowd,
    }
    with migrated_database() as tables, new_database("world", tables) as world:
        with connected_to(world):
            found_world(timezone.localdate(), purses=QUICK_PURSES if quick else PURSES, merchants=MERCHANTS)
            execute_as_owner("VACUUM (ANALYZE)")
        if wanted := [compared[name] for name in studies if name in compared]:
            with running_peers(install=not quick) as peers:
                for study in wanted:
                    with copied_database(world):
                        yield study.run(read_world(), peers, rounds=rounds, quick=quick)
        for name in studies:
            if name in alone:
                with copied_database(world):
                    yield alone[name].run(read_world(), rounds=rounds, quick=quick)
        if "ledger-queries" in studies:
            yield queries.run(tables, rounds=rounds, quick=quick, large=large)
        if "ledger-audit" in studies:
            yield audit.run(tables, rounds=rounds, quick=quick)

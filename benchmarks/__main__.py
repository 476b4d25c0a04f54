"""`python -m benchmarks`: measure the money path beside the raw limits of this machine, in the same run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.timing import Result

RESULTS = Path(__file__).with_name("results.json")
LEDGER = tuple(
    f"ledger-{study}" for study in ("single", "sets", "hot", "integrity", "crowd", "queries", "audit")
)
NAMES = (
    "batch",
    "batch-issue",
    "online",
    "online-sustained",
    "hotlist",
    "clearing",
    "reconciliation",
    "proofs",
    "tac",
    "risk",
    "reports",
    "people",
    *LEDGER,
)
ROUNDS = 5


def main() -> None:
    """Run the benchmarks asked for, print a table each, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"which to run: {', '.join(NAMES)}; ledger: all of its own (default: all)",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"interleaved rounds (default {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it work, not how fast is it")
    parser.add_argument("--large", action="store_true", help="ledger-queries up to ten million transfers")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help=f"where the JSON goes (default {RESULTS.name})"
    )
    options = parser.parse_args()
    options.names = [name for word in options.names for name in (LEDGER if word == "ledger" else (word,))]
    unknown = set(options.names) - set(NAMES)
    if unknown or options.rounds < 1:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}" if unknown else "at least one round")

    from benchmarks.house import running_house, state_directory

    with state_directory() as state:
        import django

        django.setup()
        with running_house(state) as address:
            _measure(options, address)


def _measure(options: argparse.Namespace, address: str) -> None:
    from rich.console import Console

    from benchmarks.report import found_conditions, print_result, write_json

    console, results, conditions = Console(), list[Result](), found_conditions()
    for result in _results(options, address):
        results.append(result)
        print_result(result, console)
    write_json(results, options.output, rounds=options.rounds, conditions=conditions)
    console.print(f"written: {options.output}")


def _results(options: argparse.Namespace, address: str) -> Iterator[Result]:
    from benchmarks import batch_issue, clearing, ledger, people, proofs, reconciliation, reports, risk, tac

    wanted = options.names or NAMES
    size = {"rounds": options.rounds, "quick": options.quick}
    yield from _of_the_field(wanted, options, address)
    if "batch-issue" in wanted:
        yield batch_issue.run(**size)
    if "clearing" in wanted:
        yield clearing.run(**size)
    if "reconciliation" in wanted:
        yield reconciliation.run(**size)
    if "proofs" in wanted:
        yield proofs.run(**size)
    if "tac" in wanted:
        yield tac.run(**size)
    if "risk" in wanted:
        yield risk.run(**size)
    if "reports" in wanted:
        yield reports.run(**size)
    if "people" in wanted:
        yield people.run(**size)
    studies = [name for name in LEDGER if name in wanted]
    yield from ledger.run(studies, large=options.large, **size)


def _of_the_field(wanted: Sequence[str], options: argparse.Namespace, address: str) -> Iterator[Result]:
    """What needs a web server, terminals and cards."""
    from django.utils import timezone

    from benchmarks import batch, hotlist, online, sustained
    from benchmarks.city import found_city
    from benchmarks.field import tills, wallets

    size = {"address": address, "rounds": options.rounds, "quick": options.quick}
    uploaders = 2
    found_city(timezone.localdate(), merchants=uploaders + online.CLIENTS, cards=batch.CARDS + online.CLIENTS)
    points, cards = tills(), wallets()
    buyers = points[uploaders:]
    if "batch" in wanted:
        yield batch.run(tills=points[:uploaders], cards=cards[: batch.CARDS], **size)
    if "online" in wanted:
        yield online.run(tills=buyers, cards=cards[batch.CARDS :], **size)
    if "online-sustained" in wanted:
        yield sustained.run(address=address, tills=buyers, cards=cards[: batch.CARDS], quick=options.quick)
    if "hotlist" in wanted:
        yield hotlist.run(tills=buyers, **size)


if __name__ == "__main__":
    main()

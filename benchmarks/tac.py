"""Checking purchase TACs in bulk, next to the library call by call and to a C loop over libcrypto."""

from __future__ import annotations

import ctypes
import hmac
import multiprocessing
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import django
import numpy as np

from benchmarks.field import KEY_VERSION, tac_master
from benchmarks.timing import Result, Rounds
from citizencard.core.keyservice import tacs
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.protocol import TAC_RECORD
from terminals.card import crypto
from terminals.card.bulk.macs import LANES, des_macs

REFERENCE = Path(__file__).with_name("tac_reference.c")
QUICK_RECORDS = 2_000
PER_CALL_RECORDS = 8_192
"""The slow path takes only some of the records."""
CORES = os.cpu_count() or 1
TIMES = 8
"""How often each core does its work while all are busy."""
BOTH = f"{CORES} at once"

PER_CALL = "cryptography, per call"
BULK = "in bulk, one process"
BULK_ALL = f"in bulk, processes: {BOTH}"
SERVICE = "key service, one connection"
SERVICE_ALL = f"key service, connections: {BOTH}"
C_LOOP = "C loop over libcrypto (raw limit)"

Verify = Callable[[bytes], bytes]


def run(*, rounds: int, quick: bool) -> Result:
    """TACs per second; every record is of another card and one in ten is wrong."""
    count = QUICK_RECORDS if quick else LANES
    master = tac_master()
    packed, expected = records(count, master)
    result = Result("tac", f"Checking {count:,} TACs of as many cards", {"records": count})
    figures = Rounds()
    with workers() as (processes, connections):
        c_loop = compiled(master)
        for counted in range(rounds + 1):
            # The first round does not count: it starts the workers and opens their connections.
            into = figures if counted else Rounds()
            some = packed[: PER_CALL_RECORDS * TAC_RECORD]
            _one(into, result, PER_CALL, partial(per_call, master), some, expected)
            _one(into, result, BULK, partial(in_bulk, master), packed, expected)
            _all(into, result, BULK_ALL, processes, partial(in_bulk, master), packed, expected)
            _one(into, result, SERVICE, through_service, packed, expected, clock=perf_counter)
            _all(into, result, SERVICE_ALL, connections, through_service, packed, expected)
            if c_loop is not None:
                _one(into, result, C_LOOP, c_loop, packed, expected)
    result.figures = figures.figures()
    result.ratio("bulk ÷ per call", BULK, PER_CALL)
    result.ratio(f"processes: {BOTH} ÷ one", BULK_ALL, BULK)
    result.ratio(f"connections: {BOTH} ÷ one", SERVICE_ALL, SERVICE)
    if c_loop is None:
        result.checks.append("no C compiler or no libcrypto here: nothing compared with the C loop")
    else:
        result.ratio("bulk ÷ C loop", BULK, C_LOOP)
        result.ratio("key service ÷ C loop", SERVICE, C_LOOP)
    return result


def records(count: int, master: bytes) -> tuple[bytes, bytes]:
    """Packed records of `count` cards and the right verdicts."""
    rng = np.random.default_rng(20261121)
    made = rng.integers(0, 256, (count, TAC_RECORD), np.uint8)
    made[:, :8] = np.arange(count, dtype=">u8").view(np.uint8).reshape(-1, 8)
    made[:, 8] = KEY_VERSION
    keys = [crypto.tac_key(crypto.diversify(master, serial.tobytes())) for serial in made[:, :8]]
    made[:, -4:] = des_macs(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 8), made[:, 9:-4])
    wrong = np.arange(count) % 10 == 9
    made[wrong, -1] ^= 1
    return made.tobytes(), (~wrong).astype(np.uint8).tobytes()


def per_call(master: bytes, packed: bytes) -> bytes:
    """The reference: derive the card's key, make its MAC, compare; record by record."""
    verdicts = bytearray()
    for at in range(0, len(packed), TAC_RECORD):
        record = packed[at : at + TAC_RECORD]
        key = crypto.tac_key(crypto.diversify(master, record[:8]))
        verdicts.append(hmac.compare_digest(crypto.des_mac(key, record[9:31]), record[31:]))
    return bytes(verdicts)


def in_bulk(master: bytes, packed: bytes) -> bytes:
    """What the key service does, without the socket."""
    return tacs.verify(packed, lambda version, blocks: crypto.encrypt_ecb(master, blocks))


def through_service(packed: bytes) -> bytes:
    """The whole way of a caller."""
    return key_service().verify_purchase_tacs(packed)


def compiled(master: bytes) -> Verify | None:
    """The C loop as a function; None where it cannot be compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "tac_reference.so"
        command = [str(compiler), "-O2", "-shared", "-fPIC", str(REFERENCE), "-o", str(library)]
        linked = (
            compiler
            and not subprocess.run(
                [*command, "-l:libcrypto.so.3"], capture_output=True, check=False
            ).returncode
        )
        if not linked:
            return None
        function = ctypes.CDLL(str(library)).verify
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_char_p]

    def verify(packed: bytes) -> bytes:
        count = len(packed) // TAC_RECORD
        verdicts = ctypes.create_string_buffer(count)
        function(packed, count, master, verdicts)
        return verdicts.raw

    return verify


@contextmanager
def workers() -> Iterator[tuple[Executor, Executor]]:
    """A process for every core, and a thread (with its own connection) for every core."""
    # Spawned: a fork would take along the threads' locks of this process, whatever state they are in.
    spawned = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(CORES, spawned, initializer=django.setup) as processes,
        ThreadPoolExecutor(CORES) as connections,
    ):
        yield processes, connections


def _one(
    figures: Rounds,
    result: Result,
    name: str,
    verify: Verify,
    packed: bytes,
    expected: bytes,
    clock: Callable[[], float] = process_time,
) -> None:
    """One core: processor time, unless the work is done by another process."""
    began = clock()
    found = verify(packed)
    figures.add(name, len(found) / (clock() - began))
    result.check("all paths come to the same verdicts", found == expected[: len(packed) // TAC_RECORD])


def _all(
    figures: Rounds,
    result: Result,
    name: str,
    executor: Executor,
    verify: Verify,
    packed: bytes,
    expected: bytes,
) -> None:
    """All cores at once, each with all records and often, so that handing out the records counts for little."""
    began = perf_counter()
    found = set().union(*executor.map(partial(_often, verify), [packed] * CORES))
    figures.add(name, CORES * TIMES * len(expected) / (perf_counter() - began))
    result.check("all paths come to the same verdicts", found == {expected})


def _often(verify: Verify, packed: bytes) -> set[bytes]:
    return {verify(packed) for _ in range(TIMES)}

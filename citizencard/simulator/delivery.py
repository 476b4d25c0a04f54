"""Send a night's uploads, and notice what the centre answers to those that it must refuse or has had before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from citizencard.simulator.faults import Fault
from citizencard.simulator.lines import Line, Signed
from citizencard.simulator.records import Mint, build_body, write_lines, wrong_header
from citizencard.simulator.uploads import Upload
from citizencard.simulator.visits import DAY_S
from citizencard.simulator.world import World

NIGHT_S: Final = 23 * 3600 + 30 * 60
"""When depots begin to upload."""
TOGETHER: Final = 50
"""Uploads whose records are computed in one go: enough for the bulk TACs, few enough for the memory."""


@dataclass
class Delivery:
    """Carries uploads of `world` over `line`, the strangers' through `door`. `found` counts what the centre said to faults."""

    world: World
    mint: Mint
    line: Line
    door: Signed
    found: Counter[Fault] = field(default_factory=Counter)

    def deliver(self, day: int, told: Callable[[int], None]) -> None:
        """Everything of that night; `told` hears how many records each upload had."""
        again: list[tuple[Upload, bytes, dict[str, Any]]] = []
        for upload, body, count in self._bodies(day):
            if Fault.HEADER in upload.faults:
                refused = self._send(upload, wrong_header(body))
                self.found[Fault.HEADER] += refused.get("rule") == "count"
            answer = self._send(upload, body)
            if Fault.AGAIN in upload.faults:
                again.append((upload, body, answer))
            told(count)
        for upload, body, answer in again:
            self.found[Fault.AGAIN] += self._send(upload, body) == answer
        for night, revoked in self.world.plan.traffic.strangers:
            if night == day:
                self._knock(revoked)

    def _bodies(self, day: int) -> Iterator[tuple[Upload, bytes, int]]:
        traffic = self.world.plan.traffic
        tonight = [at for at, upload in enumerate(traffic.uploads) if upload.day == day]
        begins = np.searchsorted(traffic.lines.upload, np.arange(len(traffic.uploads) + 1))
        for first in range(0, len(tonight), TOGETHER):
            some = tonight[first : first + TOGETHER]
            at = np.concatenate([np.arange(begins[number], begins[number + 1]) for number in some])
            forms = traffic.lines.form[at]
            records = write_lines(self.mint, traffic.lines.tap[at], forms)
            cut = 0
            for number in some:
                upload, count = traffic.uploads[number], int(begins[number + 1] - begins[number])
                part = slice(cut, cut + count)
                name = batch_number(self.world, upload)
                yield (
                    upload,
                    build_body(name, records[part], forms[part], fixed_columns=upload.fixed_columns),
                    count,
                )
                cut += count

    def _send(self, upload: Upload, body: bytes) -> dict[str, Any]:
        return self.line.send(
            upload.device,
            body,
            fixed_columns=upload.fixed_columns,
            compressed=upload.compressed,
            at=upload.day * DAY_S + NIGHT_S,
        )

    def _knock(self, revoked: bool) -> None:
        """Somebody who may not upload does: an unknown terminal, or one whose key was revoked."""
        code, key = self.world.revoked
        wanted = "key_revoked" if revoked else "terminal_unknown"
        answer = self.door.post(
            code if revoked else self.world.unknown, key, b'{"batch_no":"1","count":0,"total_fen":0}\n'
        )
        self.found[Fault.STRANGER] += answer.get("code") == wanted


def batch_number(world: World, upload: Upload) -> str:
    """What the terminal calls it: the run, the day and the part."""
    return f"sim{world.run}-{upload.number}"

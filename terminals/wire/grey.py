"""A grey record (灰记录): a purchase that has no proof, as a terminal reports it to the centre for people to judge.

One JSON object a line: the fields of a tap record without `tac`, and `"grey": true` and `cause`:

* `no_answer`: the chip left after DEBIT and did not come back. The centre settles it when the card's next record shows the
  balance already reduced, else drops it.
* `logged`: the chip came back; its log holds the purchase, but the proof with the TAC was of a later one.
* `not_paid`: the chip came back and never debited; ends a `no_answer` reported before.
* `mac2`: the chip answered, but the SAM rejected its MAC2: a false card. This one carries the `tac` it gave. No revenue.

`POST /api/v1/greys` takes at most 1,000 lines; the answer is `{"received": n}`. A record sent again (same terminal number,
sequence and cause) counts as received. A purchase proven later comes as an ordinary tap record under the same sequence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from terminals.wire.errors import RecordError
from terminals.wire.record import TapRecord

CAUSES: Final = ("no_answer", "logged", "not_paid", "mac2")
MAX_GREYS: Final = 1_000
NO_TAC: Final = "00000000"


@dataclass(frozen=True, slots=True)
class GreyRecord:
    """What is known of a purchase without proof. `record.tac` means something for cause `mac2` only."""

    record: TapRecord
    cause: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        content = self.record.to_dict()
        if self.cause != "mac2":
            del content["tac"]
        return {**content, "grey": True, "cause": self.cause}

    def to_json(self) -> str:
        """One line without spaces."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """From a parsed object, strictly; RecordError names the first field that breaks its rule."""
        values = dict(content)
        if values.pop("grey", None) is not True:
            raise RecordError("grey", "must be true")
        cause = values.pop("cause", None)
        if cause not in CAUSES:
            raise RecordError("cause", f"must be one of {', '.join(CAUSES)}")
        if (cause == "mac2") is not ("tac" in values):
            raise RecordError("tac", "stands in a record of cause mac2 and in no other")
        return cls(TapRecord.from_dict({"tac": NO_TAC, **values}), cause)


def build_greys(greys: Iterable[GreyRecord]) -> bytes:
    """The body to post."""
    return "".join(f"{grey.to_json()}\n" for grey in greys).encode()

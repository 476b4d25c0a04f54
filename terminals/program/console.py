"""What a terminal shows: two lines a tap and why, or one line of JSON for a device that shows it in its own way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TextIO

from terminals.program.result import TapResult


@dataclass(frozen=True, slots=True)
class Console:
    """Writes to a stream, at once."""

    stream: TextIO
    as_json: bool = False

    def show(self, result: TapResult) -> None:
        """A tap's outcome."""
        if self.as_json:
            self._write(json.dumps(result.to_dict(), ensure_ascii=False))
            return
        lines = [*result.display()]
        if result.explained.is_story:
            lines += [result.explained.zh, result.explained.en]
        self._write("\n".join(lines))

    def say(self, text: str) -> None:
        """A sentence for whoever looks after the device."""
        self._write(json.dumps({"message": text}, ensure_ascii=False) if self.as_json else f"# {text}")

    def tell(self, answer: dict[str, Any]) -> None:
        """Facts asked for."""
        self._write(
            json.dumps(answer, ensure_ascii=False)
            if self.as_json
            else "# " + ", ".join(f"{name} {value}" for name, value in answer.items())
        )

    def _write(self, text: str) -> None:
        self.stream.write(f"{text}\n")
        self.stream.flush()

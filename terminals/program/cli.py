"""The command line of the terminal program: `python -m terminals.program --config terminal.toml`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from terminals.card.errors import CardError
from terminals.program.channels import CHANNELS
from terminals.program.config import read_settings
from terminals.program.keypad import HELP
from terminals.program.loop import Program
from terminals.program.wiring import program_of
from terminals.wire.errors import WireError

EXAMPLE = """[terminal]
code = "bus-k1-001"
mode = "bus"
line = "K1"
line_no = "00000001"

[centre]
url = "http://127.0.0.1:8000"
key = "key.pem"
centre_key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # as the enrolment answered

[card]
reader = "00 00"

[sam]
reader = "00 01"

[state]
folder = "state"
"""


def modes() -> str:
    """The modes, one a line, for help texts."""
    lines = (
        f"  {row.channel:<9} {row.sale.value:<15} cancel {'yes' if row.cancel else 'no ':<3}  "
        f"refund {row.refund_days or 'no'}{' days' if row.refund_days else ''}  "
        f"{'offline' if row.offline else 'online only'}  guard {row.guard_s} s"
        for row in CHANNELS.values()
    )
    return "modes:\n" + "\n".join(lines)


def run(
    file: Path, stream: TextIO, *, keys: TextIO | None = None, once: bool = False, as_json: bool = False
) -> int:
    """Work by a configuration until a signal ends it; the exit code. Raises CardError, WireError, OSError."""
    with program_of(read_settings(file), stream=stream, as_json=as_json) as program:
        _obey_signals(program)
        terminal_no = program.terminal.terminal_no.hex().upper()
        program.console.say(f"terminal {terminal_no}, mode {program.terminal.post.channel}, waits for cards")
        if keys is not None:
            threading.Thread(target=_listen, args=(program, keys), name="keypad", daemon=True).start()
        result = program.run(once=once)
        return 0 if not once or (result is not None and result.ok) else 1


def main(words: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m terminals.program",
        description="Work as a terminal: wait for cards, charge them with the SAM, keep the journal, talk to the centre.",
        epilog=f"{modes()}\n\nwhat can be typed while it runs:\n  {HELP}\n\na configuration:\n{EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", required=True, help="the terminal's configuration, TOML"
    )
    parser.add_argument("--check", action="store_true", help="only say whether the configuration is right")
    parser.add_argument(
        "--once", action="store_true", help="serve one card; exit code 1 when it may not pass"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON for everything that is shown")
    options = parser.parse_args(words)
    try:
        if options.check:
            read_settings(options.config)
            return 0
        return run(options.config, sys.stdout, keys=sys.stdin, once=options.once, as_json=options.json)
    except (CardError, WireError, OSError) as error:
        print(f"terminal: {error}", file=sys.stderr)
        return 1


def _obey_signals(program: Program) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: program.stop())


def _listen(program: Program, keys: TextIO) -> None:
    """Until the keyboard is gone or the program ends."""
    for line in keys:
        if line.strip():
            program.keypad.type(line)
        if program.stopping.is_set():
            return

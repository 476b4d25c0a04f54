"""`python -m citizencard.core.keyservice.console`: the custodians' program, on the key service's own machine.

Nothing secret is ever an argument: passphrases, shares and components are asked for, unseen where there is a terminal,
line by line from standard input where there is none.
"""

from __future__ import annotations

import argparse
import os
import sys
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from citizencard.core.errors import KeyServiceUnavailable
from citizencard.core.keyservice import audit
from citizencard.core.keyservice.calls.custody import Credentials, CustodyCalls
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import Algorithm, Usage, algorithms_of
from citizencard.core.keyservice.roles import Role

_CLEAR_SCREEN: Final = "\x1b[2J\x1b[3J\x1b[H"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 1 when it was refused, with the reason on standard error."""
    options = _options(arguments)
    try:
        if options.command == "audit":
            return _audit(options)
        calls = CustodyCalls(options.socket, role=Role.CUSTODIAN)
        _COMMANDS[options.command](calls, options)
    except KeyServiceError as refused:
        return _failed(f"refused: {refused.data['explanation']}")
    except KeyServiceUnavailable as absent:
        return _failed(f"the key service does not answer: {absent.data['reason']}")
    except (ValueError, EOFError) as error:
        return _failed(str(error) or "input ended")
    return 0


def _begin(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Begin custody: register the custodians, make the key over all keys, give each his share."""
    people = {name: _new_passphrase(name) for name in options.custodians}
    pin = _secret("PIN of the token: ") if options.token else None
    calls.begin(people, _hex(options.issuer_factor, 8), pin)
    for name, passphrase in people.items():
        _asked(f"{name} alone in front of the screen: press Enter")
        share = calls.take_share(Credentials(name, passphrase))
        print(f"share {share['number']}: {_grouped(share['value'])}  check value {share['check']}")
        _asked("Written down? Press Enter")
        if sys.stdout.isatty():
            print(_CLEAR_SCREEN, end="")
    print("custody has begun, the key service is open; any two shares open it again")


def _open(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Give shares until the service is open: one custodian, and then another one, here or elsewhere."""
    is_open = calls.unseal(_credentials(), _hex(_secret("share: "), 32))
    print("the key service is open" if is_open else "taken; another custodian's share is needed")


def _seal(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Seal the service: no operation until two custodians open it."""
    calls.seal(_credentials())
    print("the key service is sealed")


def _enter(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Enter a key in three components, one custodian after the other, and confirm it."""
    usage = Usage(options.usage)
    algorithm = Algorithm(options.algorithm or algorithms_of(usage)[0])
    present: list[Credentials] = []
    progress: dict[str, Any] = {"kcv": None}
    while progress["kcv"] is None:
        person = _credentials()
        component = _hex(_secret("component: "), None)
        kcv = _hex(_asked("its check value: "), 3)
        try:
            progress = calls.enter_component(
                person,
                usage,
                options.version,
                component,
                kcv,
                algorithm=algorithm,
                exportable=options.exportable,
            )
        except KeyServiceError as refused:
            print(f"refused: {refused.data['explanation']}")
            continue
        present.append(person)
        print(f"components entered: {progress['entered']}")
    print(f"check value of the whole key: {progress['kcv']}")
    while not progress.get("stored"):
        person = present.pop(0) if present else _credentials()
        kcv = _hex(_asked(f"{person.name} confirms, by typing the check value: "), 3)
        progress = calls.confirm_components(person, usage, options.version, kcv)
    print(f"{usage} version {options.version} is in the register; two custodians activate it")


def _import(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Import a TR-31 key block under a shared key; read from standard input."""
    person = _credentials()
    block = _asked("key block: ").strip()
    kcv = calls.import_block(person, Usage(options.usage), options.version, block, kek_version=options.kek)
    print(f"{options.usage} version {options.version} is in the register, check value {kcv}")


def _propose(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Propose a change; another custodian confirms it."""
    number = calls.propose(
        _credentials(),
        options.action,
        options.keys,
        cut_off=options.cut_off,
        kek_version=options.kek,
        national=options.national,
    )
    print(f"proposal {number}: another custodian must confirm it")


def _confirm(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Confirm another custodian's proposal; exported key blocks are printed."""
    blocks = calls.confirm(_credentials(), options.number)
    print("\n".join(blocks) or "done")


def _disable(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Take compromised keys out of use at once, for good. One custodian is enough."""
    calls.disable(_credentials(), options.keys)
    print("disabled")


def _list(calls: CustodyCalls, options: argparse.Namespace) -> None:
    """Show the register and what waits to be confirmed."""
    content = calls.list_keys()
    print(f"{'open' if content['open'] else 'sealed'}; custodians: {', '.join(content['custodians'])}")
    for key in content["keys"]:
        until = f", serves until {key['cut_off']}" if key["cut_off"] else ""
        print(
            f"{key['usage'] + '/' + str(key['version']):<16}{key['algorithm']:<6}{key['kcv']}  "
            f"{key['state']} since {key['since']}{until}"
        )
    for asked in content["proposals"]:
        print(f"proposal {asked['number']} by {asked['by']}: {asked['action']} {', '.join(asked['keys'])}")


_COMMANDS: Final = {
    "init": _begin,
    "open": _open,
    "seal": _seal,
    "enter": _enter,
    "import": _import,
    "propose": _propose,
    "confirm": _confirm,
    "disable": _disable,
    "list": _list,
}


def _audit(options: argparse.Namespace) -> int:
    """Follow the chain of the audit log of a state directory."""
    try:
        head = audit.verify(options.state)
    except audit.AuditBroken as broken:
        return _failed(f"the audit log does not hold: {broken}")
    print(f"the audit log holds: {head.lines} lines, head {head.hash}")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="console", description=__doc__)
    default = os.environ.get("KEY_SERVICE_SOCKET")
    parser.add_argument(
        "--socket",
        type=Path,
        default=default and Path(default),
        help="the key service's (KEY_SERVICE_SOCKET)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    added = {name: commands.add_parser(name, help=run.__doc__) for name, run in _COMMANDS.items()}
    added["audit"] = commands.add_parser("audit", help=_audit.__doc__)
    added["init"].add_argument("custodians", nargs="+", metavar="NAME")
    added["init"].add_argument("--issuer-factor", required=True, help="8 bytes in hex, not secret")
    added["init"].add_argument("--token", action="store_true", help="the masters are in a token: ask its PIN")
    for name in ("enter", "import"):
        added[name].add_argument("usage", choices=[str(usage) for usage in Usage], metavar="USAGE")
        added[name].add_argument("version", type=int)
    added["enter"].add_argument("--algorithm", choices=[str(algorithm) for algorithm in Algorithm])
    added["enter"].add_argument("--exportable", action="store_true")
    added["import"].add_argument("--kek", type=int, required=True, metavar="VERSION")
    added["propose"].add_argument("action", choices=["generate", "activate", "retire", "destroy", "export"])
    added["propose"].add_argument("--cut-off", metavar="DAY", help="last day a retiring key serves")
    added["propose"].add_argument("--kek", type=int, default=0, metavar="VERSION")
    added["propose"].add_argument(
        "--national", action="store_true", help="generate keys of the national suite (SM4, HMAC-SM3)"
    )
    for name in ("propose", "disable"):
        added[name].add_argument("keys", nargs="+", metavar="USAGE/VERSION")
    added["confirm"].add_argument("number", type=int)
    added["audit"].add_argument("state", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    if options.socket is None and options.command != "audit":
        parser.error("which key service? --socket or KEY_SERVICE_SOCKET")
    return options


def _credentials() -> Credentials:
    name = _asked("custodian: ").strip()
    return Credentials(name, _secret("passphrase: "))


def _new_passphrase(name: str) -> str:
    passphrase = _secret(f"{name}, choose a passphrase: ")
    if passphrase != _secret("again: "):
        raise ValueError("the two passphrases differ")
    return passphrase


def _asked(prompt: str) -> str:
    """A line typed in. Prompts go to standard error, so that what is printed can be kept in a file."""
    print(prompt, end="", file=sys.stderr, flush=True)
    return input()


def _secret(prompt: str) -> str:
    return getpass(prompt) if sys.stdin.isatty() else _asked(prompt)


def _hex(text: str, length: int | None) -> bytes:
    try:
        value = bytes.fromhex(text.replace("-", " "))
    except ValueError:
        raise ValueError("that is not hexadecimal") from None
    if length is not None and len(value) != length:
        raise ValueError(f"that is not {2 * length} hexadecimal digits")
    return value


def _grouped(text: str) -> str:
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4)).upper()


def _failed(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

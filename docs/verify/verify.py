#!/usr/bin/env python3
"""市民卡证明核验 — checks what a citizen-card centre has proved, with nothing but Python 3.9 or newer and this one file.

    python3 verify.py keys.json receipt.json [heads.json …]

Each file says itself what it is: the centre's published keys, a receipt of a transfer, a proof that a balance is counted, a
list of signed heads, a consistency proof, or the manifest of a merchant's settlement files (which lie beside it). Every
check is printed in Chinese and English. Exit code 0: all hold. 1: one does not, or a file cannot be read.

Sources: RFC 6962 and RFC 9162 section 2.1 (hash trees), RFC 8032 section 5.1 (Ed25519), docs/proofs.md (what is hashed).
"""

import hashlib
import json
import pathlib
import re
import struct
import sys
from datetime import datetime, timedelta, timezone


class Refused(Exception):
    """A check failed; the message says which, in both languages."""


def need(holds, chinese, english):
    """Print a check that holds; raise Refused for one that does not."""
    if not holds:
        raise Refused(f"{chinese} / {english}")
    print(f"  ✓ {chinese} / {english}")


# Ed25519, RFC 8032 section 5.1, verification only. Points are in extended coordinates (X, Y, Z, T).

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def plus(one, other):
    """The sum of two points."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    """So many times a point."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = plus(total, point)
        point, number = plus(point, point), number >> 1
    return total


def point_of(packed):
    """The point of 32 bytes; Refused for bytes that are none."""
    y = int.from_bytes(packed, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        raise Refused("公钥或签名格式错误 / key or signature is no point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def same(one, other):
    """Whether both are the same point."""
    return (one[0] * other[2] - other[0] * one[2]) % P == (one[1] * other[2] - other[1] * one[2]) % P == 0


BASE = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_signed(public_key, message, signature):
    """Whether the 64 bytes are the key's signature of the message."""
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= ORDER:
        return False
    challenge = hashlib.sha512(signature[:32] + public_key + message).digest()
    right = times(int.from_bytes(challenge, "little") % ORDER, point_of(public_key))
    return same(times(scalar, BASE), plus(point_of(signature[:32]), right))


# Hash trees.


def sha(*parts):
    """SHA-256 over the parts one after another."""
    return hashlib.sha256(b"".join(parts)).digest()


def log_node(left, right):
    """A node of a plain tree."""
    return sha(b"\1", left, right)


def sum_node(left, right):
    """A hash over both halves and the sum of their amounts, each 8 bytes behind its hash."""
    total = int.from_bytes(left[32:], "big") + int.from_bytes(right[32:], "big")
    if total >= 2**63:
        raise Refused("金额溢出 / the sum is too large")
    return sha(b"\3", left, right) + struct.pack(">q", total)


def root_by_path(leaf, index, size, path, node):
    """The root that a leaf and its path lead to (RFC 9162, 2.1.3.2); Refused for a path of another length."""
    if not 0 <= index < size:
        raise Refused("叶序号越界 / there is no such leaf")
    partners, last = list(path), size - 1
    while last:
        if index & 1 or index < last:
            if not partners:
                raise Refused("路径过短 / the path is too short")
            partner = partners.pop(0)
            leaf = node(partner, leaf) if index & 1 else node(leaf, partner)
        index, last = index >> 1, last >> 1
    if partners:
        raise Refused("路径过长 / the path is too long")
    return leaf


def is_consistent(before, size, old_root, new_root, proof):
    """Whether the log of `size` leaves begins with the one of `before` (RFC 9162, 2.1.4.2)."""
    if before == size:
        return not proof and old_root == new_root
    nodes, index, last = list(proof), before - 1, size - 1
    if before & (before - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        return False
    while index & 1:
        index, last = index >> 1, last >> 1
    first = second = nodes[0]
    for partner in nodes[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            first, second = log_node(partner, first), log_node(partner, second)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            second = log_node(second, partner)
        index, last = index >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, new_root)


def grown_root(peaks, leaf):
    """The root of the whole log after one more leaf; `peaks` are its complete subtrees, (height, root), largest first."""
    height = 0
    while peaks and peaks[-1][0] == height:
        height, leaf = height + 1, log_node(peaks.pop()[1], leaf)
    peaks.append((height, leaf))
    for _height, peak in peaks[-2::-1]:
        leaf = log_node(peak, leaf)
    return leaf


# What the files say. Every field is looked at; a field that nobody checks would be a field that anybody may write.


def canonical(content):
    """The bytes that are hashed and signed: sorted names, no blanks, ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def once(pairs):
    """A JSON object in which no name stands twice."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name stands twice")
    return content


def fields(content, **kinds):
    """The values of exactly these fields, each of its kind: int, str, list, dict, or the length of hexadecimal bytes."""
    if not isinstance(content, dict) or set(content) != set(kinds):
        raise Refused(f"字段不符，应为 / fields differ, expected: {', '.join(kinds)}")
    return [read(content[name], kind, name) for name, kind in kinds.items()]


def read(value, kind, name):
    """The value if it is of its kind."""
    if isinstance(kind, int):
        if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * kind}}}", value):
            raise Refused(f"{name}: 应为 {kind} 字节十六进制 / expected {kind} bytes in hexadecimal")
        return bytes.fromhex(value)
    if type(value) is not kind or (kind is int and not 0 <= value < 2**63):
        raise Refused(f"{name}: 类型或范围错误 / wrong type or range")
    return value


def hashes(values, length):
    """The nodes of a path."""
    return [read(value, length, "path") for value in values]


ENTRY = {
    "date": str,
    "transfers": int,
    "transfers_root": 32,
    "purses": int,
    "purses_root": 32,
    "liabilities_fen": int,
    "claims_fen": int,
}
HEAD = {"size": int, "entry": dict, "log_root": 32, "previous": str, "at": str, "key_id": str}


class Checker:
    """Remembers the keys and heads it was shown, so that files are checked against each other."""

    def __init__(self):
        self.keys = {}
        self.heads = {}
        self.peaks = []
        self.grown = 0

    def check(self, path):
        """Check one file by what it says it is."""
        content = json.loads(path.read_text("utf-8"), object_pairs_hook=once)
        kind = content.pop("kind", None) if isinstance(content, dict) else None
        if kind not in KINDS:
            raise Refused("不认识的文件 / this file is of no known kind")
        KINDS[kind](self, content, path)

    def take_keys(self, content, path):
        """The centre's public keys; that they are the centre's has to be known from elsewhere."""
        (listed,) = fields(content, keys=list)
        for each in listed:
            purpose, name, public_key = fields(each, purpose=str, key_id=str, public_key=32)
            need(
                hashlib.sha256(public_key).hexdigest()[:16] == name,
                f"公钥 {name}（{purpose}）",
                "public key and its name",
            )
            self.keys[purpose, name] = public_key

    def signed(self, purpose, key_id, message, signature):
        """The message is signed with a published key of this purpose."""
        public_key = self.keys.get((purpose, key_id))
        if public_key is None:
            raise Refused(f"没有公钥 {key_id}，请先给出 keys.json / unknown key: give keys.json first")
        need(is_signed(public_key, message, signature), f"签名（密钥 {key_id}）", "signature of the centre")

    def head(self, head, signature):
        """A signed head, the same as any other that was shown for its size."""
        size, entry, log_root, previous, _at, key_id = fields(head, **HEAD)
        fields(entry, **ENTRY)
        statement = b"citizencard tree head 1\n" + canonical(head)
        self.signed("tree_head", key_id, statement, signature)
        need(size > 0 and bool(previous) == (size > 1), f"第 {size} 个树头", f"head of {size} dates")
        known = self.heads.setdefault(size, head)
        need(known == head, "与其他文件中的树头一致", "no other head of this size was shown")
        before, after = self.heads.get(size - 1), self.heads.get(size + 1)
        if before:
            need(previous == digest_of(before), "接续前一树头", "names the head before it")
        if after:
            need(after["previous"] == digest_of(head), "被后一树头接续", "is named by the head after it")
        return size, entry, log_root

    def in_log(self, content):
        """The date's entry is in the log of the head."""
        entry, index, path = content["entry"], content["entry_index"], content["entry_path"]
        fields(entry, **ENTRY)
        size, _newest, log_root = self.head(content["head"], read(content["signature"], 64, "signature"))
        leaf = sha(b"\0", canonical(entry))
        found = root_by_path(leaf, index, size, hashes(path, 32), log_node)
        need(found == log_root, f"{entry['date']} 的根在总日志中", "the date's entry is in the log")
        return entry

    def receipt(self, content, path):
        """A transfer is in its date's tree."""
        content.pop("about", None)  # words for people; nothing of it is proved
        transfer, salt, index, way = fields(content, transfer=dict, salt=16, index=int, path=list, **IN_LOG)[
            :4
        ]
        day, number, kind, debit, credit, amount, journal, source, when = fields(
            transfer, business_date=str, id=int, kind=int, debit=int, credit=int, amount_fen=int, journal=int,
            source=int, occurred_at=str,
        )  # fmt: skip
        entry = self.in_log(content)
        need(day == entry["date"], f"清算日期 {day}", "business date of the transfer and of the entry")
        numbers = (date_number(day), number, kind, debit, credit, amount, journal, source, microseconds(when))
        leaf = sha(b"\0", struct.pack(">9q", *numbers), salt)
        found = root_by_path(leaf, index, entry["transfers"], hashes(way, 32), log_node)
        need(
            found.hex() == entry["transfers_root"],
            f"分录 {number}：{yuan(amount)} 元，{when}，种类 {kind}，借 {debit} 贷 {credit}，在当日分录树中",
            f"transfer {number} of {amount} fen is in the date's tree",
        )

    def balance(self, content, path):
        """A balance is counted in what the centre owes."""
        content.pop("about", None)
        purse, salt, index, way = fields(content, balance=dict, salt=16, index=int, path=list, **IN_LOG)[:4]
        day, account, fen = fields(purse, business_date=str, account=int, balance_fen=int)
        entry = self.in_log(content)
        need(day == entry["date"], f"清算日期 {day}", "business date of the balance and of the entry")
        amount = struct.pack(">q", fen)
        leaf = sha(b"\2", struct.pack(">q", account), salt, amount) + amount
        root = root_by_path(leaf, index, entry["purses"], hashes(way, 40), sum_node)
        need(
            root[:32].hex() == entry["purses_root"]
            and struct.unpack(">q", root[32:])[0] == entry["liabilities_fen"],
            f"账户 {account} 的余额 {yuan(fen)} 元计入当日应付总额 {yuan(entry['liabilities_fen'])} 元",
            f"balance of {fen} fen is part of the {entry['liabilities_fen']} fen owed",
        )

    def list_of_heads(self, content, path):
        """Heads in order from the first on, perhaps in several files: all roots of the log follow from them."""
        (listed,) = fields(content, heads=list)
        for each in listed:
            head, signature = fields(each, head=dict, signature=64)
            size, entry, log_root = self.head(head, signature)
            need(size <= self.grown + 1, "树头连续", "no head is missing")
            if size > self.grown:
                self.grown = size
                root = grown_root(self.peaks, sha(b"\0", canonical(entry)))
                need(root == log_root, f"总日志根（{size} 天）", "root of the log, worked out anew")

    def consistency(self, content, path):
        """A later log is an earlier one, continued."""
        old, new, proof = fields(content, old=dict, new=dict, proof=list)
        (before, _entry, old_root), (size, _entry, new_root) = (
            self.head(*fields(each, head=dict, signature=64)) for each in (old, new)
        )
        need(
            0 < before <= size and is_consistent(before, size, old_root, new_root, hashes(proof, 32)),
            f"{size} 天的日志以 {before} 天的日志开头，未被改写",
            f"the log of {size} dates begins with that of {before}: nothing was rewritten",
        )

    def manifest(self, content, path):
        """The files beside a manifest are those that were signed, and add up to its totals."""
        manifest, signature = fields(content, manifest=dict, signature=64)
        _day, _merchant, totals, listed, key_id = fields(
            manifest, date=str, merchant=str, totals=dict, files=list, key_id=str
        )
        statement = b"citizencard settlement files 1\n" + canonical(manifest)
        self.signed("settlement_file", key_id, statement, signature)
        for each in listed:
            name, length, digest = fields(each, name=str, bytes=int, sha256=32)
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise Refused("文件名不合法 / no plain file name")
            found = (path.parent / name).read_bytes()
            good = len(found) == length and sha(found) == digest
            need(good, f"文件 {name}", "length and SHA-256 of the file")
            if name.endswith("transfers.csv"):
                rows = [line.split(",") for line in found.decode("utf-8-sig").splitlines()[1:]]
                sums = [len(rows), *(sum(int(row[column]) for row in rows) for column in (3, 4))]
                told = [totals["rows"], totals["credit_fen"], totals["debit_fen"]]
                need(sums == told, f"{sums[0]} 笔，贷 {yuan(sums[1])}，借 {yuan(sums[2])}", "rows and sums")


IN_LOG = {"entry": dict, "entry_index": int, "entry_path": list, "head": dict, "signature": 64}
KINDS = {
    "keys": Checker.take_keys,
    "transfer": Checker.receipt,
    "balance": Checker.balance,
    "heads": Checker.list_of_heads,
    "consistency": Checker.consistency,
    "manifest": Checker.manifest,
}


def digest_of(head):
    """What the head after it calls it."""
    return sha(b"citizencard tree head 1\n", canonical(head)).hex()


def date_number(day):
    """A date as the number YYYYMMDD."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
        raise Refused("日期格式错误 / no date like 2026-03-02")
    return int(day.replace("-", ""))


def microseconds(when):
    """A time like 2026-03-02T04:00:00.000000+00:00 as microseconds since 1970."""
    if not re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}\+00:00", when):
        raise Refused("时间格式错误 / no time like 2026-03-02T04:00:00.000000+00:00")
    origin = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- Python 3.9 has no other name for it
    return (datetime.fromisoformat(when) - origin) // timedelta(microseconds=1)


def yuan(fen):
    """Fen as yuan."""
    return f"{fen // 100}.{fen % 100:02}"


def main(names):
    """Check every file in the order given; the exit code."""
    checker = Checker()
    for name in names:
        print(name)
        try:
            checker.check(pathlib.Path(name))
        except Refused as refusal:
            print(f"  ✗ {refusal}")
            return 1
        except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            print(f"  ✗ 文件无法读取 / the file cannot be read: {type(error).__name__}")
            return 1
    print("全部核验通过 / everything holds" if names else __doc__)
    return 0 if names else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # a console that knows no Chinese still gets the English
    sys.exit(main(sys.argv[1:]))

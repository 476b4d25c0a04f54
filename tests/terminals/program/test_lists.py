"""Lists on a terminal: fetched, kept, trusted again after a restart; anything wrong leaves the old one in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from terminals.program.lists import ListStore, fetch
from terminals.wire.lists import ListError, Signer
from terminals.wire.packed import PackedCards
from tests.terminals.program.centre import FakeCentre
from tests.terminals.wire.test_lists import CENTRE, CHANGE, FIRST, NOW, SECOND, WHOLE, signer

CARD = "3104397000000000001"


def opened(folder: Path) -> ListStore:
    return ListStore.open(folder, CENTRE.public_key)


class Publisher:
    """A centre that publishes hot lists, by whole document or difference, and whatever else it is given."""

    def __init__(self) -> None:
        self.signer: Signer = CENTRE
        self.hot_lists = {1: FIRST, 2: SECOND}
        self.other: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.tamper: Callable[[bytes], bytes] = bytes

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        _, _, kind, since = path.split("/")
        newest = max(self.hot_lists)
        if kind != "hot_list":
            return (200, self.other[kind]) if kind in self.other and since == "0" else (204, b"")
        if int(since) == newest:
            return 204, b""
        cards, old = self.hot_lists[newest], self.hot_lists.get(int(since))
        if old is None:
            return 200, self.signer.hot_list(newest, cards, issued_at=NOW).to_bytes()
        change = self.signer.hot_list_change(int(since), old, newest, cards, issued_at=NOW)
        return 200, self.tamper(change.to_bytes())


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def centre(publisher: Publisher) -> FakeCentre:
    class Documents(dict[str, Callable[[Mapping[str, str]], tuple[int, bytes]]]):
        def __missing__(self, path: str) -> Callable[[Mapping[str, str]], tuple[int, bytes]]:
            return lambda query: publisher.answer(path)

    centre = FakeCentre()
    centre.documents = Documents()
    return centre


def test_a_list_is_fetched_kept_and_used_without_a_line(
    tmp_path: Path, centre: FakeCentre, publisher: Publisher
) -> None:
    store = opened(tmp_path)
    assert store.hot_list.get(CARD) is None
    del publisher.hot_lists[2]
    publisher.other["tariffs"] = CENTRE.document("tariffs", 7, b"{}", count=1, issued_at=NOW).to_bytes()
    assert fetch(store, centre.client(), NOW) == {}
    assert store.hot_list.get(CARD) == NOW
    store = opened(tmp_path)
    assert store.versions() == {"hot_list": 1, "parameters": 0, "tariffs": 7, "passes": 0, "next_key": 0}
    assert store.hot_list.get(CARD) == NOW


def test_differences_bring_any_older_version_up(
    tmp_path: Path, centre: FakeCentre, publisher: Publisher
) -> None:
    for old in range(1, 6):
        publisher.hot_lists[old] = PackedCards.pack({f"{number:016}": NOW for number in range(0, 50, old)})
    for old in range(1, 5):
        store = opened(tmp_path / str(old))
        whole = CENTRE.hot_list(old, publisher.hot_lists[old], issued_at=NOW)
        store.offer("hot_list", whole.to_bytes(), NOW)
        assert fetch(store, centre.client(), NOW) == {}
        assert f"/documents/hot_list/{old}" in publisher.asked
        assert store.hot_list.to_bytes() == publisher.hot_lists[5].to_bytes()
        assert opened(tmp_path / str(old)).hot_list.to_bytes() == publisher.hot_lists[5].to_bytes()
    assert "/documents/hot_list/0" not in publisher.asked


def test_a_difference_that_is_wrong_is_answered_by_asking_for_the_whole(
    tmp_path: Path, centre: FakeCentre, publisher: Publisher
) -> None:
    store = opened(tmp_path)
    store.offer("hot_list", CENTRE.hot_list(1, FIRST, issued_at=NOW).to_bytes(), NOW)
    publisher.tamper = lambda data: data[:-1] + bytes([data[-1] ^ 1])
    assert fetch(store, centre.client(), NOW) == {}
    assert store.hot_list.to_bytes() == SECOND.to_bytes()
    assert publisher.asked[-5:-3] == ["/documents/hot_list/1", "/documents/hot_list/0"]


@pytest.mark.parametrize("wrong", ["signature", "key", "rollback"])
def test_anything_wrong_leaves_the_old_list_in_use(
    tmp_path: Path, centre: FakeCentre, publisher: Publisher, wrong: str
) -> None:
    store = opened(tmp_path)
    store.offer("hot_list", WHOLE.to_bytes(), NOW)
    store.offer("hot_list", CHANGE.to_bytes(), NOW)
    offers = {
        "signature": WHOLE.to_bytes().replace(b'"version":4', b'"version":9'),
        "key": signer(5).hot_list(9, FIRST, issued_at=NOW).to_bytes(),
        "rollback": WHOLE.to_bytes(),
    }
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ListError, match=wrong):
        store.offer("hot_list", offers[wrong], NOW)
    assert store.hot_list.to_bytes() == SECOND.to_bytes()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    publisher.signer = signer(5)
    publisher.hot_lists = {9: FIRST}
    assert {kind: error.rule for kind, error in fetch(store, centre.client(), NOW).items()} == {
        "hot_list": "key"
    }
    assert opened(tmp_path).versions()["hot_list"] == 5


def test_a_copy_damaged_on_the_disk_is_not_used_and_fetched_anew(tmp_path: Path, centre: FakeCentre) -> None:
    opened(tmp_path).offer("hot_list", WHOLE.to_bytes(), NOW)
    file = tmp_path / "hot_list.signed"
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    store = opened(tmp_path)
    assert (store.damaged, store.versions()["hot_list"]) == (["hot_list"], 0)
    assert store.hot_list.get(CARD) is None
    assert fetch(store, centre.client(), NOW) == {}
    assert store.versions()["hot_list"] == 2


def test_a_disk_that_fails_leaves_the_old_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    store.offer("hot_list", WHOLE.to_bytes(), NOW)

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.offer("hot_list", CHANGE.to_bytes(), NOW)
    assert store.versions()["hot_list"] == opened(tmp_path).versions()["hot_list"] == 4


def test_a_change_of_key_survives_a_restart_and_an_old_copy_stays_good(
    tmp_path: Path, centre: FakeCentre, publisher: Publisher
) -> None:
    store, following = opened(tmp_path), signer(1)
    store.offer("hot_list", CENTRE.hot_list(1, FIRST, issued_at=NOW).to_bytes(), NOW)
    named = CENTRE.next_key(
        1, following.public_key, valid_from=NOW, present_until=NOW + timedelta(days=1), issued_at=NOW
    )
    publisher.other["next_key"] = named.to_bytes()
    publisher.hot_lists = {1: FIRST}
    assert fetch(store, centre.client(), NOW) == {}
    store, later = opened(tmp_path), NOW + timedelta(days=30)
    assert store.versions() == {"hot_list": 1, "parameters": 0, "tariffs": 0, "passes": 0, "next_key": 1}
    publisher.hot_lists[2] = SECOND
    with pytest.raises(ListError, match="key"):
        store.offer("hot_list", CENTRE.hot_list(2, SECOND, issued_at=later).to_bytes(), later)
    publisher.signer = following
    assert fetch(store, centre.client(), later) == {}
    assert opened(tmp_path).hot_list.to_bytes() == SECOND.to_bytes()

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from citizencard.embedded.errors import ServiceFailed
from citizencard.embedded.lifeline import tied_to_parent
from citizencard.embedded.process import ProcessService
from citizencard.embedded.supervisor import Supervisor
from tests.citizencard.embedded.processes import alive, marked, wait_until

PROJECT = Path(__file__).resolve().parents[3]
SLEEP = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def supervisor(events: list[str]) -> Iterator[Supervisor]:
    with Supervisor(events.append, backoff_seconds=0.1) as supervisor:
        yield supervisor


def service(
    tmp_path: Path,
    name: str,
    command: list[str] | None = None,
    ready_seconds_max: float = 60,
    stop_seconds_max: float = 15,
) -> ProcessService:
    return ProcessService(
        name,
        command or SLEEP,
        tmp_path / f"{name}.log",
        ready=lambda log: "up" in log,
        ready_seconds_max=ready_seconds_max,
        stop_seconds_max=stop_seconds_max,
    )


def test_a_started_service_is_ready_and_logs_to_its_file(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.start(service(tmp_path, "web"))
    assert alive(supervisor.pids()["web"])
    assert (tmp_path / "web.log").read_text() == "up\n"


def test_all_are_stopped_in_reverse(tmp_path: Path, supervisor: Supervisor) -> None:
    note = tmp_path / "order"
    for name in ("first", "second", "third"):
        farewell = (
            "import signal, sys, time\n"
            f"def end(*_): open({str(note)!r}, 'a').write('{name} '); sys.exit()\n"
            "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
        )
        supervisor.start(service(tmp_path, name, [sys.executable, "-c", farewell]))
    pids = supervisor.pids()
    supervisor.stop()
    assert note.read_text().split() == ["third", "second", "first"]
    assert not any(alive(pid) for pid in pids.values())


def test_what_dies_is_started_again_and_named(
    tmp_path: Path, supervisor: Supervisor, events: list[str]
) -> None:
    supervisor.start(service(tmp_path, "worker"))
    killed = supervisor.pids()["worker"]
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: supervisor.pids().get("worker", killed) != killed)
    assert wait_until(lambda: any("runs again" in event for event in events))
    assert "worker has stopped (killed by signal 9)" in events[0]


def test_the_pauses_between_restarts_grow(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "broken"
    script = f"import os, sys; os.path.exists({str(flag)!r}) and sys.exit('no'); {SLEEP[2]}"
    doomed = service(tmp_path, "beat", [sys.executable, "-c", script])
    launches: list[float] = []
    launch = doomed.launch

    def counted(stopping: threading.Event) -> None:
        launches.append(time.monotonic())
        launch(stopping)

    monkeypatch.setattr(doomed, "launch", counted)
    supervisor.start(doomed)
    flag.touch()
    os.kill(supervisor.pids()["beat"], signal.SIGKILL)
    assert wait_until(lambda: len(launches) >= 5)
    pauses = [later - sooner for sooner, later in itertools.pairwise(launches[1:])]
    assert pauses[-1] > pauses[0] * 1.5


def test_a_service_that_ends_at_once_fails_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    broken = service(tmp_path, "web", [sys.executable, "-c", "raise SystemExit('no such settings')"])
    with pytest.raises(ServiceFailed, match=r"web ended at once: no such settings \(see .*web\.log\)"):
        supervisor.start(broken)
    assert supervisor.pids() == {}


def test_a_service_that_never_gets_ready_fails_and_is_stopped(tmp_path: Path, supervisor: Supervisor) -> None:
    silent = [sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)]
    with pytest.raises(ServiceFailed, match="not ready after 0 s"):
        supervisor.start(service(tmp_path, "web", silent, ready_seconds_max=0.3))
    assert not marked(str(tmp_path))


def test_stopping_does_not_wait_for_a_service_still_starting(tmp_path: Path, supervisor: Supervisor) -> None:
    silent = [sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)]
    starter = threading.Thread(target=supervisor.start, args=[service(tmp_path, "web", silent)])
    starter.start()
    assert wait_until(lambda: bool(marked(str(tmp_path))))
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 5
    starter.join()
    assert not marked(str(tmp_path))


def test_the_deaf_and_their_children_are_ended_by_force(tmp_path: Path, supervisor: Supervisor) -> None:
    deaf = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', {str(tmp_path)!r}]);"
        "print('up', flush=True); time.sleep(600)"
    )
    supervisor.start(service(tmp_path, "deaf", [sys.executable, "-c", deaf], stop_seconds_max=0.3))
    assert len(marked(str(tmp_path))) >= 2
    supervisor.stop()
    assert wait_until(lambda: not marked(str(tmp_path)))


def test_a_second_stop_does_nothing(supervisor: Supervisor) -> None:
    supervisor.stop()
    supervisor.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_supervisor_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path;"
        "from citizencard.embedded.process import ProcessService;"
        "from citizencard.embedded.supervisor import Supervisor;"
        "s = Supervisor(); folder = Path(sys.argv[1]);"
        "[s.start(ProcessService(n, [sys.executable, '-c', 'import time; time.sleep(600)', str(folder)],"
        " folder / n)) for n in ('a', 'b')];"
        "print(len(s.pids()), flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "2\n"
        owner.kill()
    assert wait_until(lambda: not marked(str(tmp_path)), 10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_child_whose_parent_is_gone_before_it_begins_does_not_run(tmp_path: Path) -> None:
    touch = tied_to_parent(["touch", str(tmp_path / "touched")])
    subprocess.run(touch, check=True)
    (tmp_path / "touched").unlink()
    subprocess.run(["/bin/sh", "-c", '"$@"; true', "sh", *touch], check=True)
    assert not (tmp_path / "touched").exists()

from __future__ import annotations

import errno
import hashlib
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from airdate.errors import Transient
from airdate.post import PlanKind
from airdate.store import Store, check_free_space, disk_errors, rendition_key, sha256_of

HASH = hashlib.sha256(b"film").hexdigest()

HOLD = """
import sys
from pathlib import Path
from airdate.store import Store
with Store(Path(sys.argv[1])).locked("asset"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_file_is_adopted_under_its_hash(store: Store) -> None:
    incoming = store.incoming_path("film.mov")
    incoming.write_bytes(b"film")
    path = store.adopt(incoming, HASH)
    assert path == store.original_path(HASH, ".mov") == store.root / "originals" / HASH[:2] / f"{HASH}.mov"
    assert path.read_bytes() == b"film"
    assert not incoming.exists()
    assert store.find_original(HASH) == path
    assert sha256_of(path) == HASH


def test_adopting_twice_leaves_one(store: Store) -> None:
    for _ in range(2):
        incoming = store.incoming_path("film")
        incoming.write_bytes(b"film")
        path = store.adopt(incoming, HASH, suffix=".mp4")
    assert list(path.parent.iterdir()) == [path]


def test_an_original_that_is_not_there(store: Store) -> None:
    assert store.find_original(HASH) is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/x", "a\0b"])
def test_names_do_not_leave_their_folder(name: str, store: Store) -> None:
    with pytest.raises(ValueError, match="cannot name a file"):
        store.incoming_path(name)
    with pytest.raises(ValueError, match="cannot name a file"), store.locked(name):
        pass


def test_a_rendition_key_changes_with_each_fact_and_with_nothing_else(store: Store) -> None:
    key = rendition_key(["a", "b"], {"width": 1080, "fps": 30}, PlanKind.ENCODE)
    assert key == rendition_key(("a", "b"), {"fps": 30, "width": 1080}, PlanKind.ENCODE)
    others = {
        rendition_key(["b", "a"], {"width": 1080, "fps": 30}, PlanKind.ENCODE),
        rendition_key(["ab"], {"width": 1080, "fps": 30}, PlanKind.ENCODE),
        rendition_key(["a", "b"], {"width": 1081, "fps": 30}, PlanKind.ENCODE),
        rendition_key(["a", "b"], {"width": "1080", "fps": 30}, PlanKind.ENCODE),
        rendition_key(["a", "b"], {"width": 1080, "fps": 30}, PlanKind.REMUX),
    }
    assert len(others) == 5
    assert key not in others
    assert store.rendition_path(key) == store.root / "renditions" / key[:2] / f"{key}.mp4"


def test_a_lock_holds_against_threads_and_says_that_it_waits(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airdate.store")
    order: list[str] = []

    def second() -> None:
        with store.locked("asset"):
            order.append("second")

    with store.locked("asset"), store.locked("another"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert "waiting for another run that holds asset" in caplog.text


def test_a_lock_holds_against_processes_and_dies_with_its_holder(store: Store) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    entered = threading.Event()

    def enter() -> None:
        with store.locked("asset"):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert not entered.wait(0.05)
    holder.kill()
    holder.communicate()
    assert entered.wait(10)
    thread.join(10)


def test_free_space(tmp_path: Path) -> None:
    check_free_space(tmp_path, 1)
    with pytest.raises(Transient) as full:
        check_free_space(tmp_path, 10**18)
    assert (full.value.code, full.value.exit_code) == ("disk_full", 5)
    assert str(10**18) in full.value.message
    assert "are free" in full.value.message


def test_a_disk_that_fills_up_while_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="7 bytes are needed"), disk_errors(tmp_path, 7):
        Path("/dev/full").write_bytes(b"x")
    with pytest.raises(OSError, match="other") as other, disk_errors(tmp_path, 7):
        raise OSError(errno.EIO, "other")
    assert not isinstance(other.value, Transient)

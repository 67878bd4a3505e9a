from __future__ import annotations

import tempfile
from pathlib import Path

from flows.leftovers import private_files


def test_temporary_files_are_the_owners_and_end_with_the_worker(tmp_path: Path) -> None:
    with private_files(tmp_path) as own, tempfile.TemporaryDirectory(prefix="prefect-") as made:
        assert Path(made).parent == own
        assert own.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "worker").iterdir()) == []
    assert Path(tempfile.gettempdir()) != own


def test_what_a_killed_worker_left_is_emptied_and_a_living_ones_is_not(tmp_path: Path) -> None:
    with private_files(tmp_path) as living:
        (living / "workspace.json").write_text("{}")
        dead = tmp_path / "worker" / "dead"
        dead.mkdir()
        for name in ("lock", "workspace.json"):
            (dead / name).write_text("{}")
        with private_files(tmp_path) as own:
            assert own != living
            assert not dead.exists()
            assert (living / "workspace.json").exists()

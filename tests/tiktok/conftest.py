from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airdate.files import SealedFile, seal

sys.path.insert(0, str(Path(__file__).parent))

from upload_host import Host
from uploading import SIZE, Hooks, Stage


@pytest.fixture
def film(tmp_path: Path) -> SealedFile:
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(SIZE))
    return seal(path)


@pytest.fixture
def stage(film: SealedFile) -> Iterator[Stage]:
    with Host(SIZE) as host:
        yield Stage(film, host, Hooks(host))

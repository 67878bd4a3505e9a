"""What is said of a child that ends before it has said all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airdate.errors import Refused
from airdate.media.programs.child import call

pytestmark = pytest.mark.e2e

HALF_A_LINE = """
import os, signal, sys
def say():
    yield {"done": 0.5}
    os.write(1, b'{"done": 0.')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_that_is_killed_in_the_middle_of_a_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_a_line.py").write_text(HALF_A_LINE)
    monkeypatch.syspath_prepend(tmp_path)
    said: list[dict[str, Any]] = []
    with pytest.raises(Refused) as refused:
        call("half_a_line:say", {}, item="film.mp4", wall_s=20, on_said=said.append)
    assert (refused.value.code, said) == ("media_crashes", [{"done": 0.5}])
    assert "signal 9" in refused.value.message

"""`airdate probe` and `airdate prepare` in this process."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from airdate import cli
from airdate.console import run
from airdate.media.demo import make_demo_photos, make_demo_video

pytestmark = pytest.mark.e2e

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def airdate(capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*arguments: object) -> tuple[int, dict[str, Any]]:
        status = run(cli.app, [*map(str, arguments), "--json"], cli.SHAPES)
        return status, json.loads(capsys.readouterr().out)

    return command


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that needs nothing: what `prepare` makes of the demo's."""
    folder = tmp_path_factory.mktemp("film")
    make_demo_video(folder / "demo.mov")
    assert run(cli.app, ["prepare", str(folder / "demo.mov"), "-o", str(folder / "fit.mp4")], cli.SHAPES) == 0
    return folder / "fit.mp4"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_demo_photos(tmp_path_factory.mktemp("photos"))


def test_probe_answers_for_each_file(airdate: Command, film: Path, photos: list[Path], tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    status, document = airdate("probe", film, photos[0], text, tmp_path / "missing.mp4")
    kept, slideshow, refused, missing = document["files"]
    assert status == 3
    assert {tuple(facts) for facts in document["files"]} == {("file", "plan", "reasons", "probe", "error")}
    assert (kept["plan"], kept["error"], kept["file"]) == ("keep", None, str(film))
    assert kept["probe"]["duration_s"] > 3
    assert slideshow["plan"] == "slideshow"
    assert (refused["plan"], refused["error"]["item"], refused["error"]["who"]) == ("refuse", "text.mp4", "content")
    assert (missing["plan"], missing["probe"], missing["error"]["code"]) == (None, None, "file_missing")
    assert all(facts["error"]["fix"] and facts["error"]["rule"] for facts in (refused, missing))


def test_prepare_keeps_a_film_that_fits_and_touches_no_byte(airdate: Command, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    status, document = airdate("prepare", film, "-o", out)
    assert list(document) == list(cli.SHAPES["prepare"])
    assert (status, document["plan"], document["error"]) == (0, "keep", None)
    assert document["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest() == file_hash(out)
    assert document["size"] == out.stat().st_size
    assert document["input"]["duration_s"] == document["output"]["duration_s"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix or path.name[0] == ".") == ["out.mp4"]


def test_prepare_makes_a_slideshow_in_order(airdate: Command, photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    status, document = airdate(
        "prepare", *photos[:2], "-o", out, "--seconds-per-photo", "2", "--profile", "fast", "--framing", "pad"
    )
    assert (status, document["plan"]) == (0, "slideshow")
    assert [probe["path"] for probe in document["input"]] == [photo.name for photo in photos[:2]]
    assert document["output"]["duration_s"] == pytest.approx(3.5, abs=0.6)


def test_prepare_fetches_a_url_and_leaves_nothing_behind(
    airdate: Command, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(film.read_bytes())
    origin = f"http://127.0.0.1:{server.server_port}"
    out = tmp_path / "made" / "out.mp4"
    out.parent.mkdir()
    status, refused = airdate("prepare", f"{origin}/a.mp4?sig=CANARY", "-o", out)
    assert (status, refused["error"]["code"]) == (4, "origin_not_allowed")
    assert "CANARY" not in json.dumps(refused)
    monkeypatch.setenv("AIRDATE_ALLOWED_ORIGINS", origin)
    status, document = airdate("prepare", f"{origin}/a.mp4?sig=CANARY", "-o", out)
    server.shutdown()
    assert (status, document["sha256"]) == (0, hashlib.sha256(film.read_bytes()).hexdigest())
    assert [path.name for path in out.parent.iterdir()] == ["out.mp4"]


def serve(body: bytes) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--profile", "best"), "profile_unknown"),
        (("--seconds-per-photo", "0"), "profile_invalid"),
        (("--seconds-per-photo", "nan"), "profile_invalid"),
        (("--framing", "twist"), "usage"),
        (("-o", "/no/such/folder/out.mp4"), "out_unwritable"),
        (("-o", "."), "out_unwritable"),
        (("-o", "x" * 300), "out_unwritable"),
        (("--pictures", "x" * 300), "out_unwritable"),
        (("--pictures", "/dev/null"), "out_unwritable"),
        (("--titles", __file__), "font_unreadable"),
    ],
)
def test_prepare_refuses_options_that_make_no_film(
    airdate: Command, film: Path, tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    status, document = airdate("prepare", film, "-o", tmp_path / "out.mp4", *options)
    assert (status, document["error"]["code"]) == (2, code)
    assert document["error"]["fix"]
    assert list(document) == list(cli.SHAPES["prepare"])
    assert not (tmp_path / "out.mp4").exists()


def test_a_font_that_only_begins_as_one_is_told_before_any_work(airdate: Command, tmp_path: Path) -> None:
    (font := tmp_path / "brand.ttf").write_bytes(b"\0\1\0\0" + bytes(2000))
    status, document = airdate("prepare", "no.jpg", "-o", tmp_path / "out.mp4", "--titles", font)
    assert (status, document["error"]["code"], document["error"]["item"]) == (2, "font_unreadable", str(font))


def test_prepare_never_writes_over_a_source(airdate: Command, film: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    source.write_bytes(film.read_bytes())
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "folder").symlink_to(tmp_path)
    for out in (source, tmp_path / "link.mp4", tmp_path / "folder" / "a.mp4"):
        assert airdate("prepare", source, "-o", out)[1]["error"]["code"] == "out_is_source"
    (tmp_path / "other.mp4").hardlink_to(source)  # now its name alone tells which of its links is the source
    for out in (source, tmp_path / "link.mp4", tmp_path / "folder" / "a.mp4"):
        assert airdate("prepare", source, "-o", out)[1]["error"]["code"] == "out_is_source"
    assert file_hash(source) == file_hash(film)


def test_a_kept_film_can_be_prepared_again(airdate: Command, film: Path, tmp_path: Path) -> None:
    """OUT is a hard link of the source by then; to replace that name loses nothing."""
    (out := tmp_path / "out.mp4").hardlink_to(film)
    for _ in range(2):
        status, document = airdate("prepare", film, "-o", out)
        assert (status, document["plan"]) == (0, "keep")
        assert file_hash(out) == file_hash(film)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.mp4"]


def test_only_a_file_is_replaced(airdate: Command, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(pipe := tmp_path / "pipe.mp4")
    (device := tmp_path / "device.mp4").symlink_to(os.devnull)
    (loop := tmp_path / "loop.mp4").symlink_to("loop.mp4")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket.mp4")
    for out in (pipe, device, loop, tmp_path / "socket.mp4"):
        before = out.lstat()
        status, document = airdate("prepare", film, "-o", out)
        assert (status, document["error"]["code"]) == (2, "out_unwritable")
        assert os.path.samestat(before, out.lstat())
    assert airdate("prepare", film, "-o", tmp_path / "out.mp4", "--pictures", loop)[1]["error"]["item"] == str(loop)


def test_a_working_directory_that_is_gone(
    airdate: Command, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "gone").mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    status, document = airdate("prepare", film, "-o", "out.mp4")
    assert (status, document["error"]["code"]) == (2, "out_unwritable")


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "disk_full"), (errno.EPERM, "out_unwritable")])
def test_a_disk_that_takes_no_folder(
    airdate: Command, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    """Its inodes are used up, or it is sealed against changes."""

    def mkdir(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert airdate("prepare", film, "-o", tmp_path / "out.mp4")[1]["error"]["code"] == code


def test_what_a_killed_process_left_is_taken_away(airdate: Command, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    begin = (
        "import os, sys, signal; from pathlib import Path; from airdate.commands.media import _workspace\n"
        "from airdate.media.programs.runner import part_of\n"
        "out = Path(sys.argv[1])\n"
        "with _workspace(out) as folder:\n"
        "    (folder / 'fetched').touch(); part_of(out).touch(); Path(f'{part_of(out)}.silent').touch()\n"
        "    print('ready', flush=True); signal.pause()"
    )
    dead, living = (
        subprocess.Popen([sys.executable, "-c", begin, str(out)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    )
    with dead, living:
        for process in (dead, living):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        dead.kill()
        dead.wait()
        left = {path.name for path in tmp_path.iterdir() if f".{dead.pid}-" in path.name}
        assert len(left) == 3
        assert airdate("prepare", film, "-o", out)[0] == 0
        names = [path.name for path in tmp_path.iterdir()]
        assert not left & set(names)
        assert len([name for name in names if f".{living.pid}-" in name]) == 3
        living.kill()


def test_pictures_are_put_where_they_were_asked_for(airdate: Command, photos: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    status, document = airdate("prepare", *photos[:2], "-o", tmp_path / "out.mp4", "--pictures", folder)
    assert status == 0
    assert document["pictures"] == [str(folder / name) for name in ("cover.jpg", "sheet.jpg", "before-after.jpg")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "pictures"]
    assert sorted(map(str, folder.iterdir())) == sorted(document["pictures"])


def test_pictures_never_take_the_place_of_a_source(airdate: Command, photos: list[Path], tmp_path: Path) -> None:
    source = tmp_path / "cover.jpg"
    source.write_bytes(photos[0].read_bytes())
    status, document = airdate("prepare", source, "-o", tmp_path / "out.mp4", "--pictures", tmp_path)
    assert (status, document["error"]["code"]) == (2, "out_is_source")
    assert source.read_bytes() == photos[0].read_bytes()
    (folder := tmp_path / "folder").mkdir()
    status, document = airdate("prepare", source, "-o", folder / "cover.jpg", "--pictures", folder)
    assert (status, document["error"]["code"]) == (2, "out_is_picture")
    assert list(folder.iterdir()) == []


def test_a_refused_film_leaves_what_was_there(airdate: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "out.mp4").write_text("before")
    status, document = airdate("prepare", tmp_path / "empty.mp4", "-o", tmp_path / "out.mp4")
    assert (status, document["error"]["code"], document["out"]) == (3, "media_empty", None)
    assert (tmp_path / "out.mp4").read_text() == "before"


def test_probe_starts_without_prefect_and_servers(film: Path) -> None:
    script = (
        "import sys; from airdate import cli; from airdate.console import run;"
        f"run(cli.app, ['probe', {str(film)!r}], cli.SHAPES);"
        "print([name for name in ('prefect', 'fastapi', 'sqlalchemy', 'uvicorn', 'flows') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "keep" in done.stderr

"""Output and exit status: one JSON document whatever happens, words and logs elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from airdate import cli
from airdate.console import Answer, described, plain, run, table
from airdate.errors import NeedsPerson, OutcomeUnknown, Refused, Transient, WrongUsage

ERROR_FIELDS = {"code", "who", "message", "item", "rule", "fix", "log_id"}


def make_app(work: Any) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def do(count: int = 0, _json: Annotated[bool, typer.Option("--json")] = False) -> Any:
        return work(count)

    @app.command()
    def other() -> None: ...

    return app


def said(
    capsys: pytest.CaptureFixture[str], work: Any, arguments: Sequence[str] = ("do", "--json")
) -> tuple[int, Any, str]:
    status = run(make_app(work), arguments, {"do": ("a", "b", "error")})
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else None, err


def raising(error: BaseException) -> Any:
    def work(_count: int) -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (WrongUsage("c", "m", fix="f"), 2),
        (Refused("c", "m", fix="f"), 3),
        (NeedsPerson("c", "m", fix="f"), 4),
        (Transient("c", "m"), 5),
        (OutcomeUnknown("c", "m"), 6),
    ],
)
def test_the_class_of_an_error_is_its_exit_status(
    capsys: pytest.CaptureFixture[str], error: Exception, status: int
) -> None:
    got, document, err = said(capsys, raising(error))
    assert got == status
    assert document["a"] is None
    assert document["b"] is None
    assert set(document["error"]) == ERROR_FIELDS
    assert "airdate: m" in err


def test_words_go_to_standard_error_and_the_document_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    status, document, err = said(capsys, lambda _: Answer({"a": 1}, "all is well"))
    assert (status, document, err) == (0, {"a": 1}, "all is well\n")


def test_without_json_standard_output_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, lambda _: Answer({"a": 1}, "well"), ["do"]) == (0, None, "well\n")


@pytest.mark.parametrize(
    ("arguments", "item"),
    [
        (["do", "--json", "--count"], "--count"),
        (["do", "--json", "--wrong"], "--wrong"),
        (["do", "--json", "--count", "many"], "--count"),
        (["do", "--json", "extra"], None),
        (["undo", "--json"], None),
        (["--json"], "--json"),
    ],
)
def test_a_usage_error_is_json_too(capsys: pytest.CaptureFixture[str], arguments: list[str], item: str | None) -> None:
    status, document, _ = said(capsys, raising(AssertionError("must not run")), arguments)
    assert status == 2
    assert document["error"]["code"] == "usage"
    assert document["error"]["item"] == item
    assert "--help" in document["error"]["fix"]


def test_a_bug_has_its_document_and_a_traceback_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    status, document, err = said(capsys, raising(ValueError("https://cdn.example/a?sig=CANARY")))
    assert status == 1
    assert document["error"]["code"] == "bug"
    assert "Traceback" in err
    assert "CANARY" not in err + json.dumps(document)


def test_an_error_never_shows_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    _, document, err = said(capsys, raising(Transient("c", "no answer", item="https://cdn.example/a?sig=CANARY")))
    assert document["error"]["item"] == "https://cdn.example/a?[redacted]"
    assert "CANARY" not in err


def test_ctrl_c_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    status, document, _ = said(capsys, raising(KeyboardInterrupt()))
    assert (status, document["error"]["code"]) == (5, "interrupted")


@pytest.fixture
def hears_hangups() -> Iterator[None]:
    """As in a terminal, though whoever runs the tests may have begun them with `nohup`; children inherit it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hears_hangups")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_does_what_ctrl_c_does(capsys: pytest.CaptureFixture[str], number: signal.Signals) -> None:
    """A second one, as a closed terminal sends it, does not cut the end short."""
    ended = []

    def work(_count: int) -> None:
        try:
            os.kill(os.getpid(), number)
            threading.Event().wait(5)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            ended.append("cleaned up")

    before = signal.getsignal(number)
    status, document, _ = said(capsys, work)
    assert (status, document["error"]["code"], ended) == (5, "interrupted", ["cleaned up"])
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_so(capsys: pytest.CaptureFixture[str]) -> None:
    """`nohup airdate …`."""

    def work(_count: int) -> Answer:
        os.kill(os.getpid(), signal.SIGHUP)
        return Answer({"a": 1})

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert said(capsys, work) == (0, {"a": 1}, "")
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hears_hangups")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_while_we_are_imported_is_answered(tmp_path: Path, number: signal.Signals) -> None:
    """The front door holds it back until there is somebody to answer it."""
    script = (
        "import os, sys; from airdate import __main__ as door; path = sys.meta_path\n"
        "class Importing:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'airdate.cli': path.remove(self); os.kill(os.getpid(), {number.value})\n"
        "path.insert(0, Importing()); sys.argv = ['airdate', 'account', 'list', '--json']; door.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (5, "interrupted")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(("command", "status"), [("account list --json", 4), ("probe missing.mp4 --json", 2)])
def test_a_document_that_cannot_be_written(tmp_path: Path, command: str, status: int) -> None:
    """Why is on standard error, and a status of the command's own stays."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "airdate", *command.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    assert done.returncode == status
    assert "output_unwritable" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", "2>/dev/full"])
def test_a_standard_error_that_takes_nothing(tmp_path: Path, closed: str) -> None:
    """The next file that is opened does not become the standard error of us and of our children."""
    script = (
        "import os, sys, typer; from pathlib import Path; from airdate.console import Answer, run\n"
        "from airdate.commands.progress import bars\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def work(_json: bool = typer.Option(False, '--json')):\n"
        "    with bars(), Path('film').open('wb') as film: return Answer({'opened': film.fileno()}, 'words')\n"
        "sys.exit(run(app, ['--json'], {}))"
    )
    done = subprocess.run(
        ["/bin/bash", "-c", f'"$0" -c "$1" {closed}', sys.executable, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["opened"] > 2


def test_a_document_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer(add_completion=False)

    @app.command()
    def serve(context: typer.Context, _json: Annotated[bool, typer.Option("--json")] = False) -> None:
        context.obj.document({"ready": True})
        raise Transient("gone", "it ended")

    @app.command()
    def other() -> None: ...

    assert run(app, ["serve", "--json"], {}) == 5
    assert capsys.readouterr().out == '{"ready": true}\n'


@pytest.mark.parametrize("command", ["account list --json", "publish --help"])
def test_a_reader_that_left_is_no_error(tmp_path: Path, command: str) -> None:
    """`airdate … --json | head -0`: the exit status stays the command's, and nothing complains."""
    done = subprocess.run(
        [
            "/bin/bash",
            "-c",
            '"$0" -m airdate $1 2>err | { exec <&-; sleep 0.1; }; echo ${PIPESTATUS[0]}',
            sys.executable,
            command,
        ],
        cwd=tmp_path,
        env={**os.environ, "AIRDATE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "0"
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert "Exception ignored" not in (tmp_path / "err").read_text()


def test_a_pipe_of_ours_that_broke_is_a_bug_all_the_same(tmp_path: Path) -> None:
    """Only that whoever reads our output has gone is no fault."""
    script = (
        "import sys, typer; from airdate.console import run; app = typer.Typer()\n"
        "@app.command()\ndef work() -> None: raise BrokenPipeError\n"
        "sys.exit(run(app, [], {}))"
    )
    read = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (read.returncode, "Code: bug" in read.stderr) == (1, True)
    unread = subprocess.run(
        [
            "/bin/bash",
            "-c",
            '"$0" -c "$1" 2>err | { exec <&-; sleep 0.1; }; echo ${PIPESTATUS[0]}',
            sys.executable,
            script,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (unread.stdout.strip(), (tmp_path / "err").read_text()) == ("0", "")


def test_an_error_for_people_says_what_rule_fix_and_who() -> None:
    error = Refused("too_short", "the film lasts 0.5 s", item="a.mp4", rule="at least 1 s", fix="export it longer")
    lines = described(error.as_dict() | {"log_id": "L1"}).splitlines()
    assert lines[0] == "airdate: a.mp4: the film lasts 0.5 s"
    assert "  Rule: at least 1 s" in lines
    assert "  Fix: export it longer" in lines
    assert "  Who acts: the content team" in lines
    assert "  TikTok's log_id: L1" in lines


def test_strangers_text_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in plain("\x1b[31mred\x1b]0;title\x07")
    assert table(["caption"], [["two\nlines\x1b[2J"]]).splitlines()[1] == "two lines\N{REPLACEMENT CHARACTER}[2J"


def test_help_and_probe_wait_for_nothing_heavy() -> None:
    script = (
        "import sys; from airdate import cli; from airdate.console import run; run(cli.app, ['--help'], {});"
        "print([name for name in ('prefect', 'fastapi', 'PIL', 'av', 'sqlalchemy', 'flows') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def commands(app: typer.Typer, before: str = "") -> dict[str, typer.models.CommandInfo]:
    found = {
        f"{before}{info.name or info.callback.__name__}": info for info in app.registered_commands if info.callback
    }
    for group in app.registered_groups:
        if group.typer_instance:
            found |= commands(group.typer_instance, f"{before}{group.name} ")
    return found


def test_every_command_has_json_and_a_shape() -> None:
    found = commands(cli.app)
    assert set(found) == set(cli.SHAPES)
    for name, info in found.items():
        assert info.callback is not None
        assert "_json" in info.callback.__annotations__, name
        assert "error" in cli.SHAPES[name], name

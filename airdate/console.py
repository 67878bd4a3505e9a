"""What every command has in common: one JSON document or words for people, the exit status, and an orderly end.

Standard output carries nothing but the document, so that a script can read it without looking; all words, logs and
progress bars go to standard error.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

import typer
from typer.exceptions import TyperException

from airdate.errors import AirdateError, NeedsPerson, Transient, Who, WrongUsage
from airdate.redact import redact

if TYPE_CHECKING:
    from airdate.commands.publish import Runs

BUG_STATUS = 1

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""What asks a command to end, besides Ctrl-C: the system, and a terminal that is closed."""

ACTORS = {
    Who.NOBODY: "nobody, it goes on by itself",
    Who.OPERATOR: "whoever runs Airdate",
    Who.CREATOR: "the creator who owns the account",
    Who.CONTENT: "the content team",
    Who.TIKTOK: "TikTok",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found.

    Attributes:
        document: what `--json` prints, plain JSON values.
        words: the same for people.
        status: the exit status of the contract's table.
    """

    document: Mapping[str, Any]
    words: str = ""
    status: int = 0


class Console:
    """The two outputs of one command; commands reach it as `context.obj`.

    Attributes:
        runs: finds the Prefect that takes posts out; only the front door knows how.
    """

    def __init__(self) -> None:
        self._said = False
        self.runs: Callable[[], Runs | None] = lambda: None

    def document(self, facts: Mapping[str, Any]) -> None:
        """Print the one JSON document on standard output; a second one is dropped.

        Raises:
            NeedsPerson: it cannot be written.
        """
        if not self._said:
            self._said = True
            _write(json.dumps(facts), err=False)

    def say(self, words: str) -> None:
        """Tell people something, on standard error."""
        if words:
            _write(plain(words), err=True)


def run(app: typer.Typer, arguments: Sequence[str], shapes: Mapping[str, Sequence[str]]) -> int:
    """Run one command line and return its exit status; nothing but an exit signal leaves this function.

    Args:
        shapes: the fields of each command's document, by command (`posts show`); on an error all but `error` are null.
    """
    _open_closed()
    console = Console()
    words = [word for word in arguments if not word.startswith("-")]
    fields = shapes.get(" ".join(words[:2])) or shapes.get(" ".join(words[:1])) or ()
    with _ends_in_order():
        answer = _attempt(app, arguments, console, dict.fromkeys(fields))
        return _given(console, answer, in_json=wants_json(arguments))


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` is among the options; read here too, because a wrong option must be answered in JSON as well."""
    arguments = list(arguments)
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _given(console: Console, answer: Answer, *, in_json: bool) -> int:
    """Give the answer out and return the exit status: the command's own, unless only the giving failed."""
    status = answer.status
    try:
        if in_json:
            console.document(answer.document)
    except NeedsPerson as lost:
        console.say(described(shown(lost.as_dict())))
        status = status or lost.exit_code
    console.say(answer.words)
    return status


def _attempt(app: typer.Typer, arguments: Sequence[str], console: Console, blank: Mapping[str, None]) -> Answer:
    command = typer.main.get_command(app)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, *ENDS})  # the front door holds them back
        with command.make_context("airdate", list(arguments), obj=console) as context:
            answer = command.invoke(context)
    except typer.Exit as end:
        return Answer({}, status=end.exit_code)
    except AirdateError as error:
        return failed(error, blank)
    except TyperException as wrong:
        return failed(_wrong_usage(wrong), blank)
    except KeyboardInterrupt:
        return failed(interrupted(), blank)
    except SystemExit:
        return Answer({})  # rich ends so when whoever read its help has gone, which is no fault
    except Exception as bug:  # noqa: BLE001 (the last one to catch it; a script still gets its document)
        if isinstance(bug, BrokenPipeError) and not _is_read(sys.stdout):
            _let_go(sys.stdout)
            return Answer({})
        _write(redact("".join(traceback.format_exception(bug))), err=True)
        return _bug(bug, blank)
    return answer if isinstance(answer, Answer) else Answer({})


def failed(error: AirdateError, found: Mapping[str, Any]) -> Answer:
    """An error as a command's answer.

    Args:
        found: the document's other fields, null as far as they are not known.
    """
    told = shown(error.as_dict())
    return Answer({**found, "error": told}, described(told), error.exit_code)


def interrupted() -> Transient:
    """Somebody pressed Ctrl-C, or the system asked this process to end."""
    return Transient("interrupted", "stopped before it was done", fix="run the same command again")


def shown(error: dict[str, Any]) -> dict[str, Any]:
    """An `error` object without secrets."""
    return {name: redact(value) if isinstance(value, str) else value for name, value in error.items()}


def described(error: Mapping[str, Any]) -> str:
    """An `error` object for people: what happened, by which rule, how to mend it, who must act."""
    said = error["message"] if error["item"] is None else f"{error['item']}: {error['message']}"
    lines = [f"airdate: {said}"]
    lines += [f"  {label}: {error[name]}" for name, label in (("rule", "Rule"), ("fix", "Fix")) if error[name]]
    lines.append(f"  Who acts: {ACTORS[Who(error['who'])]}")
    if error["log_id"]:
        lines.append(f"  TikTok's log_id: {error['log_id']}")
    return "\n".join([*lines, f"  Code: {error['code']}"])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows in columns as wide as their longest cell; a cell is one line."""
    cells = [[plain(str("" if cell is None else cell)).replace("\n", " ") for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def plain(text: str) -> str:
    """`text` without control characters: captions and file names come from strangers, and terminals obey them."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _wrong_usage(wrong: TyperException) -> WrongUsage:
    context, parameter = getattr(wrong, "ctx", None), getattr(wrong, "param", None)
    command = context.command_path if context is not None else "airdate"
    item = getattr(wrong, "option_name", None)
    if parameter is not None:
        item = next((name for name in parameter.opts if name.startswith("--")), parameter.metavar)
    return WrongUsage(
        "usage",
        wrong.format_message().replace("Value error, ", "").rstrip("."),
        item=item,
        rule=f"`{command}` takes what its help lists",
        fix=f"see `{command} --help`",
    )


def _bug(bug: Exception, blank: Mapping[str, None]) -> Answer:
    message = redact(f"a bug in Airdate: {type(bug).__name__}: {bug}")
    error = {"code": "bug", "who": Who.OPERATOR.value, "message": message, "item": None, "rule": None}
    error |= {"fix": "report it with the traceback on standard error", "log_id": None}
    return Answer({**blank, "error": error}, described(error), BUG_STATUS)


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """Let a signal to end do what Ctrl-C does, so that what a command began (an encoder, a lease) is ended too.

    Only the first does: a closed terminal sends several, and one may not cut short what another began to end. A signal
    that this process was begun to ignore, as by `nohup`, stays ignored.
    """
    is_told = False

    def end(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDS}
    heard = [number for number in ENDS if before[number] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _open_closed() -> None:
    """Put the null device where a standard stream is closed: the next file would get its number, and what is said."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (for good)


def _is_read(stream: TextIO) -> bool:
    """Whether somebody still reads what is written there."""
    poll = select.poll()
    poll.register(stream, 0)
    return not poll.poll(0)


def _write(text: str, *, err: bool) -> None:
    stream = sys.stderr if err else sys.stdout
    try:
        typer.echo(text, err=err)
    except BrokenPipeError:
        _let_go(stream)
    except OSError as failed:
        _let_go(stream)
        if not err:
            raise NeedsPerson(
                "output_unwritable",
                f"standard output cannot be written: {failed.strerror}",
                rule="the JSON document goes to standard output",
                fix="let it go where there is room, and run the same command again",
            ) from None


def _let_go(stream: TextIO) -> None:
    """Whoever read it has gone. The interpreter flushes once more at its end and would complain about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""The calendar file: its records, its columns, and everything that is wrong with its rows at once.

Reading changes nothing and asks nobody.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from airdate.calendar.rows import COLUMNS, LONGEST_NAME, OPTIONAL, REQUIRED, Problem, Row, RowReader, nearest
from airdate.errors import WrongUsage

MAX_BYTES = 16 * 1024 * 1024
"""A calendar of 50,000 rows has a quarter of this; what is larger was given by mistake."""


class CalendarWrong(WrongUsage):
    """Rows are wrong; all of them are named, and nothing was applied."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        lines = len({problem.line for problem in problems})
        count = "1 row is" if lines == 1 else f"{lines} rows are"
        super().__init__(
            "calendar_wrong",
            "\n".join([f"{count} wrong", *map(str, self.problems)]),
            item=file,
            rule="a calendar is applied when every row is right",
            fix="correct each of them and apply it again; until then nothing changes",
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A calendar as read.

    Attributes:
        name: the calendar's, which is the file's stem.
        file: the file's name, for messages.
        rows: those that are fit.
        problems: what is wrong with the others.
    """

    name: str
    file: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read(path: Path) -> Sheet:
    """Read a calendar file.

    Raises:
        WrongUsage: there is no such file, it is no UTF-8 or no CSV, or its columns are not those of a calendar.
            What is wrong with rows is collected instead.
    """
    if len(path.stem) > LONGEST_NAME:
        raise _wrong("calendar_name", path.name, f"its name has more than {LONGEST_NAME} characters", "shorten it")
    records = _records(path)
    line, header = next(records, (1, []))
    _check_columns(f"{path.name}, line {line}", header)
    rows: list[Row] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for line, cells in records:
        reader = RowReader(path, line, header, cells)
        if (row := reader.row()) is not None:
            rows.append(row)
        problems += reader.problems
        if (known := first.setdefault(reader.id, line)) != line:
            problems.append(_twice(path.name, line, reader.id, known))
    return Sheet(path.stem, path.name, tuple(rows), tuple(problems))


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not empty, with the line it begins in; a quoted cell may hold several lines."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    line = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as failed:
        place, why = f"{path.name}, line {line}", f"it is no CSV: {failed}"
        raise _wrong("calendar_no_csv", place, why, "close the quotation marks, or save it as CSV again") from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as failed:
        why = f"it cannot be read: {failed.strerror}"
        raise _wrong("calendar_unreadable", str(path), why, "name a CSV file that is there") from None
    if len(raw) > MAX_BYTES:
        raise _wrong("calendar_too_large", path.name, f"it has more than {MAX_BYTES:,} bytes", "split it")
    try:
        text = raw.decode("utf-8-sig")
        at = text.index("\0") if "\0" in text else None
    except UnicodeDecodeError as failed:
        text, at = "", failed.start
    if at is not None:
        line = raw.count(b"\n", 0, at) + 1
        raise _wrong("calendar_no_utf8", f"{path.name}, line {line}", "it is no UTF-8 text", "save it as CSV UTF-8")
    return text


def _check_columns(place: str, header: Sequence[str]) -> None:
    """Raise unless the header names the columns of a calendar, each once."""
    if not header:
        raise _wrong("calendar_empty", place, "it has no header line", f"begin it with {','.join(REQUIRED)}")
    for name in header:
        if name not in COLUMNS:
            near = nearest(name, COLUMNS)
            fix = f"write {near}" if near else "take it out"
            fix = "separate the columns by commas" if name.count(";") > 1 else fix
            raise _wrong("column_unknown", place, f"a calendar has no column {name!r}", fix)
        if header.count(name) > 1:
            raise _wrong("column_twice", place, f"the column {name!r} is there twice", "take one out")
    if missing := [name for name in REQUIRED if name not in header]:
        raise _wrong("column_missing", place, f"the column {', '.join(missing)} is missing", "add it")


def _twice(file: str, line: int, row_id: str, first: int) -> Problem:
    message = f"line {first} has this id too"
    return Problem(file, line, "id", row_id, message, "an id names one row", "give one of them another id")


def _wrong(code: str, item: str, message: str, fix: str) -> WrongUsage:
    rule = f"CSV in UTF-8; its header line names {', '.join(REQUIRED)}, and may name {', '.join(OPTIONAL)}"
    return WrongUsage(code, message, item=item, rule=rule, fix=fix)

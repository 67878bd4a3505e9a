"""One row of a calendar: what it asks for, or everything that is wrong with it at once."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from airdate.calendar.slots import instant
from airdate.errors import AirdateError, WrongUsage
from airdate.post import AssetRef, Form, LatePolicy, Mode, Options, Privacy
from airdate.redact import redact
from airdate.sources.reference import reference

FLAGS = ("allow_comment", "allow_duet", "allow_stitch", "own_brand", "branded_content", "ai_generated", "auto_music")
REQUIRED = ("id", "slot", "zone", "account", "source", "caption", "privacy")
OPTIONAL = ("mode", "as", "title", *FLAGS, "late_minutes", "late_policy")
COLUMNS = REQUIRED + OPTIONAL
FILLED = ("id", "slot", "zone", "account", "source")
"""Columns in which every row says something; a caption may be empty, and privacy the account's standing choice."""

BETWEEN_PHOTOS = "|"

YES, NO = ("true", "yes", "1"), ("false", "no", "0", "")

LATE_MINUTES = 24 * 60
"""How late a row may go out that does not say it. Without a limit, last month's calendar given by mistake would all
be published at once."""

LATE_DIGITS = 7

LONGEST_NAME = 100
"""Characters of a calendar's name and of a row's id; the ledger's columns take both together."""

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell: where, what, by which rule, and how to mend it."""

    file: str
    line: int
    column: str
    value: str
    message: str
    rule: str | None
    fix: str | None

    def __str__(self) -> str:
        parts = [f"{self.file}, line {self.line}, {self.column} {self.value!r}: {self.message}."]
        parts += [f"{label}: {text}." for label, text in (("Rule", self.rule), ("Fix", self.fix)) if text]
        return redact(" ".join(parts))


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is fit by itself; whether the ledger can take it, `apply` judges.

    Attributes:
        line: where it begins in the file, from 1.
        slot: the instant, in UTC.
        mode: None takes the account's.
        options: with the row's privacy, or None for the account's; its mode is not the row's.
        locators: where the bytes are, in the order of the assets; may be signed URLs.
        missing: what is wrong with its files; of no interest once the row was applied, for films get tidied away.
        digest: changes when the row's text does, or what its paths mean.
    """

    line: int
    id: str
    slot: datetime
    zone: str
    account: str
    assets: tuple[AssetRef, ...]
    mode: Mode | None
    options: Options
    late_minutes: int
    late_policy: LatePolicy
    locators: tuple[str, ...] = field(repr=False)
    missing: tuple[Problem, ...]
    digest: str


def nearest(text: str, words: Iterable[str]) -> str | None:
    """The word most like `text`, whatever their case."""
    known = {word.lower(): word for word in words}
    found = difflib.get_close_matches(text.lower(), known, n=1, cutoff=0.4)
    return known[found[0]] if found else None


class RowReader:
    """Reads one record cell by cell, and goes on after a wrong one, so that all of them are named."""

    def __init__(self, file: Path, line: int, columns: Sequence[str], cells: Sequence[str]) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._line = line
        self._cells: Mapping[str, str] = dict.fromkeys(COLUMNS, "") | dict(zip(columns, cells, strict=False))
        self.id = self._cells["id"]
        if len(cells) != len(columns):
            self._wrong(
                "row",
                f"it has {len(cells)} cells",
                rule=f"as many as the header, {len(columns)}",
                fix="put a text that holds a comma into quotation marks",
                value=",".join(cells)[:LONGEST_NAME],
            )

    def row(self) -> Row | None:
        """The row, or None when something is wrong with it."""
        self._check_filled()
        slot = self._slot()
        places = self._places()
        assets, locators, missing = self._assets(places)
        options = Options(
            caption=self._cells["caption"],
            privacy=self._choice("privacy", Privacy),
            allow_comment=self._flag("allow_comment"),
            allow_duet=self._flag("allow_duet"),
            allow_stitch=self._flag("allow_stitch"),
            own_brand=self._flag("own_brand"),
            branded_content=self._flag("branded_content"),
            ai_generated=self._flag("ai_generated"),
            form=self._choice("as", Form) or Form.SLIDESHOW,
            title=self._cells["title"],
            auto_music=self._flag("auto_music"),
        )
        mode = self._choice("mode", Mode)
        late_minutes = self._late_minutes()
        late_policy = self._choice("late_policy", LatePolicy) or LatePolicy.HOLD
        if self.problems or slot is None:
            return None
        return Row(
            line=self._line,
            id=self.id,
            slot=slot,
            zone=self._cells["zone"],
            account=self._cells["account"],
            assets=assets,
            mode=mode,
            options=options,
            late_minutes=late_minutes,
            late_policy=late_policy,
            locators=locators,
            missing=missing,
            digest=self._digest(places),
        )

    def _check_filled(self) -> None:
        for column in FILLED:
            if not self._cells[column]:
                self._wrong(column, "it is empty", rule="every row says it", fix=f"fill in {column}")
        if len(self.id) > LONGEST_NAME or not self.id.isprintable():
            self._wrong(
                "id",
                "it is too long, or holds a control character",
                rule=f"at most {LONGEST_NAME} printable characters",
                fix="give a shorter id",
            )

    def _slot(self) -> datetime | None:
        if not self._cells["slot"] or not self._cells["zone"]:
            return None
        try:
            return instant(self._cells["slot"], self._cells["zone"])
        except WrongUsage as wrong:
            column = "zone" if wrong.item == "zone" else "slot"
            self.problems.append(self._of(wrong, column, self._cells[column]))
            return None

    def _places(self) -> list[str]:
        """The row's sources; a path that is not absolute begins at the calendar's folder."""
        if not self._cells["source"]:
            return []
        sources = [source.strip() for source in self._cells["source"].split(BETWEEN_PHOTOS)]
        if not all(sources):
            self._wrong(
                "source",
                "one of its sources is empty",
                rule=f"{BETWEEN_PHOTOS} stands between two photos",
                fix=f"take the {BETWEEN_PHOTOS} out, or name the photo",
            )
        folder = self._file.parent.absolute()
        return [source if _is_url(source) else str(folder / Path(source).expanduser()) for source in sources if source]

    def _assets(self, places: Sequence[str]) -> tuple[tuple[AssetRef, ...], tuple[str, ...], tuple[Problem, ...]]:
        """The row's assets, their locators, and what is wrong with those that are files.

        No file is hashed: a calendar may name terabytes, and it is read every minute.
        """
        found: list[tuple[AssetRef, str]] = []
        missing: list[Problem] = []
        for place in places:
            try:
                found.append(reference(place))
            except WrongUsage as wrong:
                (self.problems if _is_web(place) else missing).append(self._of(wrong, "source", place))
                found.append((AssetRef("file", place), place))
        return tuple(asset for asset, _ in found), tuple(locator for _, locator in found), tuple(missing)

    def _flag(self, column: str) -> bool:
        text = self._cells[column].lower()
        if text not in YES + NO:
            self._wrong(column, "it is neither yes nor no", rule="true, yes, 1, false, no, 0", fix="write yes or no")
        return text in YES

    def _choice(self, column: str, values: type[_Choice]) -> _Choice | None:
        text = self._cells[column]
        if not text:
            return None
        try:
            return values(text)
        except ValueError:
            near = nearest(text, values)
            fix = f"write {near}" if near else "write one of these"
            self._wrong(column, "there is no such value", rule=f"one of {', '.join(values)}", fix=fix)
            return None

    def _late_minutes(self) -> int:
        text = self._cells["late_minutes"] or str(LATE_MINUTES)
        if not (text.isascii() and text.isdigit() and len(text) <= LATE_DIGITS):
            rule = f"a whole number of at most {LATE_DIGITS} digits"
            self._wrong("late_minutes", "it is no number of minutes", rule=rule, fix="write it like 90")
            return LATE_MINUTES
        return int(text)

    def _digest(self, places: Sequence[str]) -> str:
        said = [f"{column}={text}" for column, text in sorted(self._cells.items()) if text]
        return hashlib.sha256("\0".join([*said, *places]).encode()).hexdigest()

    def _wrong(self, column: str, message: str, *, rule: str, fix: str, value: str | None = None) -> None:
        value = self._cells[column] if value is None else value
        self.problems.append(Problem(self._file.name, self._line, column, value, message, rule, fix))

    def _of(self, error: AirdateError, column: str, value: str) -> Problem:
        return Problem(self._file.name, self._line, column, value, error.message, error.rule, error.fix)


def _is_url(source: str) -> bool:
    return _is_web(source) or source.lower().startswith("file:")


def _is_web(source: str) -> bool:
    return "://" in source and not source.lower().startswith("file:")

"""What a calendar file says, and everything that can be wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airdate.calendar.reading import CalendarWrong, read
from airdate.calendar.rows import LATE_MINUTES
from airdate.errors import WrongUsage
from airdate.post import AssetRef, LatePolicy, Mode, Options, Privacy

HEADER = "id,slot,zone,account,source,caption,privacy"
ROW = "a,2026-11-24 18:00,Europe/Berlin,demo,film.mp4,hello,SELF_ONLY"


@pytest.fixture
def write(file: Any) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file.path.write_text(text, "utf-8", newline="")
        return Path(file.path)

    return write


def test_a_row_is_read_with_the_defaults_of_what_it_leaves_out(write: Callable[[str], Path]) -> None:
    path = write(f"{HEADER}\n{ROW}\n")

    sheet = read(path)

    (row,) = sheet.rows
    film = str((path.parent / "film.mp4").resolve())
    assert sheet.name == "november"
    assert sheet.problems == ()
    assert (row.line, row.id, row.account, row.zone) == (2, "a", "demo", "Europe/Berlin")
    assert row.slot == datetime(2026, 11, 24, 17, tzinfo=UTC)
    assert row.assets == (AssetRef("file", film, None),)
    assert row.locators == (film,)
    assert row.mode is None
    assert row.options == Options(caption="hello", privacy=Privacy.SELF_ONLY)
    assert (row.late_minutes, row.late_policy) == (LATE_MINUTES, LatePolicy.HOLD)


def test_every_column_is_read_in_any_order(write: Callable[[str], Path]) -> None:
    path = write(
        "late_policy,late_minutes,ai_generated,branded_content,own_brand,allow_stitch,allow_duet,allow_comment,mode,"
        "privacy,caption,source,account,zone,slot,id\n"
        'miss,90,1,TRUE,yes,no,0,false,direct,PUBLIC_TO_EVERYONE,"a, b\nand ""c"" 🎬",film.mp4,demo,UTC,'
        "2026-11-24 18:00:30,x y\n"
    )

    (row,) = read(path).rows

    assert row.id == "x y"
    assert row.slot == datetime(2026, 11, 24, 18, 0, 30, tzinfo=UTC)
    assert row.options == Options(
        caption='a, b\nand "c" 🎬',
        privacy=Privacy.PUBLIC,
        ai_generated=True,
        branded_content=True,
        own_brand=True,
    )
    assert (row.mode, row.late_minutes, row.late_policy) == (Mode.DIRECT, 90, LatePolicy.MISS)


def test_a_byte_order_mark_windows_lines_and_empty_lines_do_no_harm(file: Any) -> None:
    text = f"\r\n{HEADER}\r\n\r\n{ROW}\r\n,,,,,,\r\n"
    file.path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    (row,) = read(file.path).rows

    assert row.line == 4


def test_several_photos_keep_their_order_and_urls_are_left_as_they_are(write: Callable[[str], Path]) -> None:
    path = write(f"{HEADER}\na,2026-11-24 18:00,UTC,demo, sub/2.jpg |1.jpg|https://x.example/3.jpg?sig=S,,\n")
    (path.parent / "sub").mkdir()
    for name in ("sub/2.jpg", "1.jpg"):
        (path.parent / name).write_bytes(b"photo")

    (row,) = read(path).rows

    folder = path.parent.resolve()
    assert [asset.source for asset in row.assets] == ["file", "file", "url"]
    assert [asset.asset_id for asset in row.assets[:2]] == [str(folder / "sub/2.jpg"), str(folder / "1.jpg")]
    assert row.locators[2] == "https://x.example/3.jpg?sig=S"
    assert "sig=S" not in repr(row)


def test_the_digest_changes_with_the_row_and_with_nothing_else(write: Callable[[str], Path]) -> None:
    def digest(text: str) -> str:
        return read(write(text)).rows[-1].digest

    first = digest(f"{HEADER}\n{ROW}\n")

    assert digest(f"{HEADER}\n\n{ROW}\n") == first
    assert digest(f"{HEADER},mode\n{ROW},\n") == first
    assert digest(f"{HEADER}\n{ROW.replace('hello', 'hallo')}\n") != first
    assert digest(f"{HEADER},mode\n{ROW},direct\n") != first


def test_a_film_that_was_tidied_away_does_not_change_the_digest(write: Callable[[str], Path]) -> None:
    path = write(f"{HEADER}\n{ROW}\n")
    (before,) = read(path).rows
    (path.parent / "film.mp4").unlink()

    (row,) = read(path).rows

    assert row.digest == before.digest
    (problem,) = row.missing
    assert (problem.line, problem.column, problem.message) == (2, "source", "no such file")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("id", "", "it is empty"),
        ("id", "x" * 101, "at most 100"),
        ("id", "a\x07b", "control character"),
        ("slot", "", "it is empty"),
        ("slot", "24.11.2026 18:00", "YYYY-MM-DD HH:MM"),
        ("slot", "2027-03-28 02:30", "jump over"),
        ("slot", "2026-10-25 02:30", "twice"),
        ("zone", "", "it is empty"),
        ("zone", "Europe/Berlim", "write Europe/Berlin"),
        ("account", "", "it is empty"),
        ("source", "", "it is empty"),
        ("source", "film.mp4||film.mp4", "one of its sources is empty"),
        ("source", "ftp://x.example/a.mp4", "its scheme is 'ftp'"),
        ("privacy", "public", "write PUBLIC_TO_EVERYONE"),
        ("privacy", "self_only", "write SELF_ONLY"),
        ("mode", "draft", "one of direct, inbox"),
        ("allow_duet", "maybe", "neither yes nor no"),
        ("late_minutes", "-1", "no number of minutes"),
        ("late_minutes", "1.5", "no number of minutes"),
        ("late_minutes", "²", "no number of minutes"),
        ("late_minutes", "99999999", "no number of minutes"),
        ("late_policy", "skip", "one of hold, publish, miss"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line_rule_and_fix(
    file: Any, row: Callable[..., dict[str, str]], column: str, value: str, said: str
) -> None:
    path = file.write(row(), row(id="b") | {column: value})

    sheet = read(path)

    (problem,) = sheet.problems
    assert [fit.id for fit in sheet.rows] == ["launch"]
    assert (problem.file, problem.line, problem.column) == ("november.csv", 3, column)
    assert said in str(problem)
    assert problem.rule
    assert problem.fix


def test_all_that_is_wrong_is_named_at_once(write: Callable[[str], Path]) -> None:
    path = write(
        f"{HEADER}\n"
        "a,tomorrow,Mars,demo,,hello,nobody\n"
        '"b",2026-11-24 18:00,UTC,demo,film.mp4,"two\nlines",SELF_ONLY\n'
        "b,2026-11-24 19:00,UTC,demo,film.mp4,hello,SELF_ONLY\n"
        "c,2026-11-24 19:00,UTC,demo,film.mp4,hello, world,SELF_ONLY\n"
    )

    problems = read(path).problems

    assert [(problem.line, problem.column) for problem in problems] == [
        (2, "source"),
        (2, "zone"),
        (2, "privacy"),
        (5, "id"),
        (6, "row"),
        (6, "privacy"),
    ]
    assert "line 3 has this id too" in str(problems[3])
    said = str(CalendarWrong("november.csv", problems))
    assert "3 rows are wrong" in said
    assert said.index("line 2") < said.index("line 5") < said.index("line 6")


def test_an_id_that_is_there_twice_is_named_however_wrong_its_rows_are(write: Callable[[str], Path]) -> None:
    path = write(f"{HEADER}\n{ROW.replace('SELF_ONLY', 'x')}\n{ROW}\n{ROW}\n")

    said = [(problem.line, problem.message) for problem in read(path).problems if problem.column == "id"]

    assert said == [(3, "line 2 has this id too"), (4, "line 2 has this id too")]


def test_a_signed_url_is_not_shown(write: Callable[[str], Path]) -> None:
    path = write(f"{HEADER}\na,2026-11-24 18:00,UTC,demo,https://u:p@x.example/3.jpg?sig=SECRET,,\n")

    (problem,) = read(path).problems

    assert "SECRET" not in str(problem)
    assert "x.example" in str(problem)


@pytest.mark.parametrize(
    ("text", "code", "item", "said"),
    [
        ("", "calendar_empty", "november.csv, line 1", "no header"),
        (f"{HEADER},captoin\n", "column_unknown", "november.csv, line 1", "write caption"),
        (f"\n{HEADER},ID\n", "column_unknown", "november.csv, line 2", "write id"),
        (HEADER.replace(",", ";"), "column_unknown", "november.csv, line 1", "by commas"),
        (f"{HEADER},\n", "column_unknown", "november.csv, line 1", "no column ''"),
        (f"{HEADER},mode,mode\n", "column_twice", "november.csv, line 1", "'mode'"),
        ("id,slot,zone,account\n", "column_missing", "november.csv, line 1", "source, caption, privacy"),
        (f'{HEADER}\na,"open\n', "calendar_no_csv", "november.csv, line 2", "no CSV"),
        (f"{HEADER}\n{ROW}\0\n", "calendar_no_utf8", "november.csv, line 2", "no UTF-8"),
    ],
)
def test_what_is_no_calendar_is_wrong_usage(
    write: Callable[[str], Path], text: str, code: str, item: str, said: str
) -> None:
    with pytest.raises(WrongUsage) as refused:
        read(write(text))

    assert refused.value.exit_code == 2
    assert (refused.value.code, refused.value.item) == (code, item)
    assert said in str(refused.value)
    assert refused.value.fix


def test_another_encoding_is_named_with_its_line(file: Any) -> None:
    file.path.write_bytes(f"{HEADER}\n{ROW.replace('hello', 'Grüße')}\n".encode("latin-1"))

    with pytest.raises(WrongUsage) as refused:
        read(file.path)

    assert (refused.value.code, refused.value.item) == ("calendar_no_utf8", "november.csv, line 2")


def test_no_file_a_folder_and_a_huge_file_are_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airdate.calendar.reading.MAX_BYTES", 100)
    (tmp_path / "huge.csv").write_text("x" * 101)

    for path, code in (
        (tmp_path / "none.csv", "calendar_unreadable"),
        (tmp_path, "calendar_unreadable"),
        (tmp_path / "huge.csv", "calendar_too_large"),
        (tmp_path / f"{'n' * 101}.csv", "calendar_name"),
    ):
        with pytest.raises(WrongUsage) as refused:
            read(path)
        assert refused.value.code == code

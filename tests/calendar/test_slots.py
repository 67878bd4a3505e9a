"""Wall clocks, over every kind of change that zones have made."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airdate.calendar.slots import instant
from airdate.errors import WrongUsage


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("slot", "zone", "utc"),
    [
        ("2026-11-24 18:00", "Europe/Berlin", "2026-11-24 17:00"),
        ("2026-07-24 18:00", "Europe/Berlin", "2026-07-24 16:00"),
        ("2026-11-24 18:00:30", "Europe/Berlin", "2026-11-24 17:00:30"),
        ("2026-11-24 18:00", "UTC", "2026-11-24 18:00"),
        ("2026-11-24 18:00", "Asia/Kathmandu", "2026-11-24 12:15"),
        # The last time before and the first after each change.
        ("2027-03-28 01:59:59", "Europe/Berlin", "2027-03-28 00:59:59"),
        ("2027-03-28 03:00", "Europe/Berlin", "2027-03-28 01:00"),
        ("2026-10-25 01:59:59", "Europe/Berlin", "2026-10-24 23:59:59"),
        ("2026-10-25 03:00", "Europe/Berlin", "2026-10-25 02:00"),
        # Lord Howe moves by half an hour.
        ("2026-10-04 01:59", "Australia/Lord_Howe", "2026-10-03 15:29"),
        ("2026-10-04 02:30", "Australia/Lord_Howe", "2026-10-03 15:30"),
        ("2027-04-04 01:29", "Australia/Lord_Howe", "2027-04-03 14:29"),
        ("2027-04-04 02:00", "Australia/Lord_Howe", "2027-04-03 15:30"),
        # Samoa went from the 29th to the 31st of December.
        ("2011-12-29 23:59", "Pacific/Apia", "2011-12-30 09:59"),
        ("2011-12-31 00:00", "Pacific/Apia", "2011-12-30 10:00"),
    ],
)
def test_a_time_means_one_instant(slot: str, zone: str, utc: str) -> None:
    found = instant(slot, zone)

    assert found == at(utc)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("slot", "zone", "readings"),
    [
        (
            "2027-03-28 02:30",
            "Europe/Berlin",
            ("2027-03-28 01:30:00 UTC at offset +01:00", "2027-03-28 00:30:00 UTC at offset +02:00"),
        ),
        (
            "2027-03-28 02:00",
            "Europe/Berlin",
            ("the clocks then show 2027-03-28 03:00:00", "the clocks then show 2027-03-28 01:00:00"),
        ),
        (
            "2026-10-04 02:15",
            "Australia/Lord_Howe",
            ("2026-10-03 15:45:00 UTC at offset +10:30", "2026-10-03 15:15:00 UTC at offset +11:00"),
        ),
        (
            "2011-12-30 12:00",
            "Pacific/Apia",
            ("2011-12-30 22:00:00 UTC at offset -10:00", "2011-12-29 22:00:00 UTC at offset +14:00"),
        ),
    ],
)
def test_a_time_the_clocks_jump_over_is_not_guessed(slot: str, zone: str, readings: tuple[str, str]) -> None:
    with pytest.raises(WrongUsage) as refused:
        instant(slot, zone)

    assert refused.value.code == "slot_skipped"
    assert refused.value.fix
    for reading in readings:
        assert reading in str(refused.value)


@pytest.mark.parametrize(
    ("slot", "zone", "readings"),
    [
        (
            "2026-10-25 02:30",
            "Europe/Berlin",
            ("2026-10-25 00:30:00 UTC at offset +02:00", "2026-10-25 01:30:00 UTC at offset +01:00"),
        ),
        (
            "2026-11-01 01:00",
            "America/New_York",
            ("2026-11-01 05:00:00 UTC at offset -04:00", "2026-11-01 06:00:00 UTC at offset -05:00"),
        ),
        (
            "2027-04-04 01:45",
            "Australia/Lord_Howe",
            ("2027-04-03 14:45:00 UTC at offset +11:00", "2027-04-03 15:15:00 UTC at offset +10:30"),
        ),
    ],
)
def test_a_time_the_clocks_show_twice_is_not_guessed(slot: str, zone: str, readings: tuple[str, str]) -> None:
    with pytest.raises(WrongUsage) as refused:
        instant(slot, zone)

    assert refused.value.code == "slot_twice"
    for reading in readings:
        assert reading in str(refused.value)


@pytest.mark.parametrize(
    "slot",
    [
        "",
        "2026-11-24",
        "18:00",
        "2026-11-24T18:00",
        "2026-11-24 18:00+01:00",
        "2026-11-24 18:00:00.5",
        "2026-11-24 6:00",
        "2026-02-29 18:00",
        "2026-11-24 24:00",
        "2026-11-24 23:59:60",
        "24.11.2026 18:00",
        " 2026-11-24 18:00",
        "٢٠٢٦-11-24 18:00",
    ],
)
def test_what_is_no_time_is_refused(slot: str) -> None:
    with pytest.raises(WrongUsage, match="YYYY-MM-DD HH:MM") as refused:
        instant(slot, "Asia/Tokyo")

    assert refused.value.code == "slot_invalid"


@pytest.mark.parametrize(
    ("slot", "zone"), [("0001-01-01 00:00", "Asia/Tokyo"), ("9999-12-31 23:59", "America/New_York")]
)
def test_a_time_outside_of_all_years_is_refused(slot: str, zone: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        instant(slot, zone)

    assert refused.value.code == "slot_invalid"


@pytest.mark.parametrize(
    ("zone", "nearest"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Europe/Kyjiw", "Europe/Kyiv"),
    ],
)
def test_an_unknown_zone_is_answered_with_the_nearest(zone: str, nearest: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        instant("2026-11-24 18:00", zone)

    assert refused.value.code == "zone_unknown"
    assert refused.value.fix == f"write {nearest}"


@pytest.mark.parametrize("zone", ["", "+01:00", "qqqqqqqq", "../etc/passwd", "Europe", "localtime"])
def test_a_zone_like_no_other_gets_an_example(zone: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        instant("2026-11-24 18:00", zone)

    assert refused.value.code == "zone_unknown"
    assert refused.value.fix


@given(
    seconds=st.integers(min_value=int(at("2000-01-01").timestamp()), max_value=int(at("2060-01-01").timestamp())),
    zone=st.sampled_from(sorted(available_timezones() - {"localtime"})),
)
def test_every_instant_survives_the_wall_clock_unless_it_is_shown_twice(seconds: int, zone: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    wall = moment.astimezone(ZoneInfo(zone))
    other = wall.replace(fold=1 - wall.fold).astimezone(UTC)
    slot = f"{wall:%Y-%m-%d %H:%M:%S}"

    if other == moment:
        assert instant(slot, zone) == moment
    else:
        with pytest.raises(WrongUsage, match="twice"):
            instant(slot, zone)

"""From the wall clock of a zone to the one instant it means, or to a question nobody but the writer can answer."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from airdate.errors import WrongUsage

_SLOT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?")

_OF_THIS_HOST = "localtime"
"""Some systems list it among the zones; it is another zone on another host."""

_SIMILAR = 0.6
"""How like a name must be to be named as the nearest; difflib's own default."""


def instant(slot: str, zone: str) -> datetime:
    """The UTC instant at which the clocks of `zone` show `slot`.

    Args:
        slot: `YYYY-MM-DD HH:MM` or `YYYY-MM-DD HH:MM:SS`.
        zone: a name of the IANA time zone database, such as `Europe/Berlin`.

    Raises:
        WrongUsage: `zone_unknown`; `slot_invalid`; `slot_skipped` when the clocks jump over it that day, and
            `slot_twice` when they show it twice. A guess would be an hour wrong for half of those who wrote it.
    """
    local = _zone(zone)
    wall = _wall(slot)
    try:
        readings = [wall.replace(tzinfo=local, fold=fold).astimezone(UTC) for fold in (0, 1)]
    except OverflowError:
        raise _invalid(slot) from None
    shown = [reading for reading in readings if reading.astimezone(local).replace(tzinfo=None) == wall]
    if not shown:
        raise _unclear("slot_skipped", "the clocks jump over this time that day", slot, wall, local)
    if shown[0] != shown[-1]:
        raise _unclear("slot_twice", "the clocks show this time twice that day", slot, wall, local)
    return shown[0]


def _wall(slot: str) -> datetime:
    if not _SLOT.fullmatch(slot):
        raise _invalid(slot)
    try:
        return datetime.fromisoformat(slot)
    except ValueError:
        raise _invalid(slot) from None


def _zone(name: str) -> ZoneInfo:
    if name in _zones():
        return ZoneInfo(name)
    nearest = _nearest(name)
    raise WrongUsage(
        "zone_unknown",
        f"{name!r} is no time zone" + (f"; the nearest name is {nearest}" if nearest else ""),
        item="zone",
        rule="a name of the IANA time zone database",
        fix=f"write {nearest}" if nearest else "write a name like Europe/Berlin",
    )


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {_OF_THIS_HOST})


def _nearest(name: str) -> str | None:
    """The zone whose name, or whose city, is most like `name`."""
    names: dict[str, str] = {}
    for zone in sorted(_zones()):
        names.setdefault(zone.rpartition("/")[2].lower(), zone)
        names[zone.lower()] = zone
    found = difflib.get_close_matches(name.strip().replace(" ", "_").lower(), names, n=1, cutoff=_SIMILAR)
    return names[found[0]] if found else None


def _invalid(slot: str) -> WrongUsage:
    return WrongUsage(
        "slot_invalid",
        f"{slot!r} is no date and time",
        item="slot",
        rule="YYYY-MM-DD HH:MM or YYYY-MM-DD HH:MM:SS, as the clocks of the zone show it",
        fix="write it like 2026-11-24 18:00",
    )


def _unclear(code: str, why: str, slot: str, wall: datetime, local: ZoneInfo) -> WrongUsage:
    """The error that names both readings, with what each would be in UTC and on the zone's clocks."""
    readings = [_reading(wall.replace(tzinfo=local, fold=fold), local) for fold in (0, 1)]
    return WrongUsage(
        code,
        f"in {local.key} {why}: {slot} is {readings[0]}, or {readings[1]}",
        item="slot",
        rule="a slot names one instant",
        fix="write a time before or after the change, or the one you mean with UTC as its zone",
    )


def _reading(wall: datetime, local: ZoneInfo) -> str:
    at = wall.astimezone(UTC)
    shows = at.astimezone(local)
    offset = wall.isoformat()[19:]
    kept = shows.replace(tzinfo=None) == wall.replace(tzinfo=None)
    clocks = "" if kept else f" (the clocks then show {shows:%Y-%m-%d %H:%M:%S})"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC at offset {offset}{clocks}"

"""The content calendar: a file of slots applied to the ledger, and the clock that takes out what comes due."""

from airdate.calendar.apply import Applied, apply, preview
from airdate.calendar.crowding import crowded
from airdate.calendar.listing import listing
from airdate.calendar.tick import Ticked, tick

__all__ = ["Applied", "Ticked", "apply", "crowded", "listing", "preview", "tick"]

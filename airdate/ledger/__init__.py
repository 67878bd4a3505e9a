"""The ledger: accounts, posts, submissions, events and deliveries in SQL; the one answer to "did it go out?"."""

from airdate.ledger.database import Ledger

__all__ = ["Ledger"]

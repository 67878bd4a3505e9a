"""Airdate takes an approved asset to a live TikTok post: once, right, and with a record of how."""

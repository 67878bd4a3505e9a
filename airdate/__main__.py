"""`python -m airdate`, the same as the command `airdate`."""

from __future__ import annotations

from airdate.cli import main

main()

"""The only declaration of what runs where: `prefect.yaml`, beside this file."""

from __future__ import annotations

from pathlib import Path

DECLARATION = Path(__file__).with_name("prefect.yaml")
POOL = "airdate"

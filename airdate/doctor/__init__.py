"""`airdate doctor`: everything that must be right, each with its fix; one module for each group of things."""

from airdate.doctor.check import Check
from airdate.doctor.examine import Prefect, examine

__all__ = ["Check", "Prefect", "examine"]

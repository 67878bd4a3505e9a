"""The steps of a post as Prefect tasks, one file each: names for people, retries, progress, artifacts."""

from __future__ import annotations

from tasks.check import check as check
from tasks.fetch import fetch as fetch
from tasks.follow import follow as follow
from tasks.prepare import prepare as prepare
from tasks.publish import publish as publish
from tasks.record import record as record
from tasks.report import report as report
from tasks.work import Work as Work

"""What the process of a run does before anything else: it ties its life to its worker, and hides secrets from logs."""

from __future__ import annotations

import logging
import os

from airdate.processes import die_with_parent
from airdate.redact import RedactingFilter

WORKER_PID = "AIRDATE_WORKER_PID"
"""The worker that must live for its runs to live; unset under Prefect's own worker."""


def begin() -> None:
    """Do both. A run that outlived its worker would work unseen, beside the one that was begun in its place."""
    if worker := os.environ.get(WORKER_PID):
        die_with_parent()
        if os.getppid() != int(worker):
            raise SystemExit("the worker of this run is gone")
    hide_secrets()


def hide_secrets() -> None:
    """Redact every record on its way out, Prefect's own and other libraries' too: its handlers send them to the API."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if not any(isinstance(known, RedactingFilter) for known in handler.filters):
            handler.addFilter(RedactingFilter())

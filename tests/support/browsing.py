"""A real browser without a window, as new as on its first day."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""The tests may run as root and without network."""

PATIENCE_MS = 120_000
"""Other tests may have both cores."""


@contextmanager
def new_page(folder: Path, require: Callable[[str, str], None]) -> Iterator[Page]:
    """A page of a browser that has never run before; its profile lies in `folder`."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        require("browser", f"none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            folder, executable_path=found, args=QUIET, timeout=PATIENCE_MS
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()

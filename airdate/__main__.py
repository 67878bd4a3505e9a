"""`python -m airdate`, the same as the command `airdate`."""

from __future__ import annotations

import signal


def main() -> None:
    """Import and run the command line; a signal that comes meanwhile waits until it can be answered."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    from airdate.cli import main as begin  # noqa: PLC0415

    begin()


if __name__ == "__main__":
    main()

"""How fast is the upload beside `curl -T` that sends the same ranges, and how much memory does it take?

Both send one film over loopback to a sink in a process of its own that reads, throws away and answers. curl gets the
ranges as ready files and sends them over one kept-alive connection, so it has nothing to do but read and send. Three
turns of each, alternating; the best of each counts.

    python benchmarks/upload.py [--megabytes N]
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import Process, Queue
from pathlib import Path

from airdate.files import SealedFile, seal
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.upload import Progress, upload

TURNS = 3
LIMIT = 0.75
LARGEST_GROWTH_MB = 70


def sink(port: Queue[int]) -> None:
    """Read PUTs, answer 206 or 201; the bytes go nowhere."""
    listener = socket.create_server(("127.0.0.1", 0))
    port.put(listener.getsockname()[1])
    buffer = bytearray(1024 * 1024)
    while True:
        connection, _ = listener.accept()
        with connection:
            serve(connection, buffer)


def serve(connection: socket.socket, buffer: bytearray) -> None:
    """Answer the requests of one connection until it closes."""
    head = b""
    while True:
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            if not part:
                return
            head += part
        head, _, rest = head.partition(b"\r\n\r\n")
        last, total = (int(n) for n in re.search(rb"(?i)content-range: bytes \d+-(\d+)/(\d+)", head).groups())
        left = int(re.search(rb"(?i)content-length: (\d+)", head)[1]) - len(rest)
        if b"100-continue" in head.lower():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while left:
            left -= connection.recv_into(buffer, min(left, len(buffer)))
        status = b"201 Created" if last + 1 == total else b"206 Partial Content"
        connection.sendall(
            b"HTTP/1.1 %s\r\nContent-Length: 0\r\nContent-Range: bytes 0-%d/%d\r\n\r\n" % (status, last, total)
        )
        head = b""


class Hooks:
    """Keeps no record: only the sending is measured."""

    def before_send(self, first: int) -> None:
        """Nothing to check."""

    def unrefused(self) -> None:
        """Nobody needs to know."""

    def before_last(self) -> None:
        """Nothing to write."""

    def acknowledged(self, uploaded: int) -> None:
        """Nothing to write."""

    def ask_progress(self) -> Progress:
        """Never asked on loopback."""
        raise RuntimeError("the sink answered something odd")


def with_airdate(film: SealedFile, plan: ChunkPlan, url: str) -> None:
    """Send it as a post's film is sent."""
    deadline = datetime.now(UTC) + timedelta(hours=1)
    upload(
        film,
        plan,
        url,
        start=0,
        deadline=deadline,
        hooks=Hooks(),
        pause=time.sleep,
        now=lambda: datetime.now(UTC),
    )


def with_curl(parts: list[Path], plan: ChunkPlan, url: str) -> None:
    """Send the ready ranges with one curl and one connection."""
    command = ["curl", "-sS", "--fail"]
    for index, part in enumerate(parts):
        first, last = plan.range_of(index)
        range_header = f"Content-Range: bytes {first}-{last}/{plan.size}"
        command += ["--next"] if index else []
        command += ["-sS", "-T", str(part), "-H", "Expect:", "-H", "Content-Type: video/mp4", "-H", range_header, url]
    subprocess.run(command, check=True)


def cut(film: SealedFile, plan: ChunkPlan, folder: Path) -> list[Path]:
    """The ranges as files."""
    parts = []
    with film.path.open("rb") as source:
        for index in range(plan.count):
            first, last = plan.range_of(index)
            parts.append(folder / f"part{index}")
            parts[-1].write_bytes(source.read(last + 1 - first))
    return parts


def timed(send: Callable[[], None]) -> float:
    """Seconds of one turn."""
    begin = time.perf_counter()
    send()
    return time.perf_counter() - begin


def main() -> int:
    """Measure, print, and fail when the upload is slower than the limit."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=1000)
    megabytes = options.parse_args().megabytes
    ports: Queue[int] = Queue()
    server = Process(target=sink, args=(ports,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ports.get()}/upload?upload_id=1&upload_token=bench"
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "film.mp4"
        with path.open("wb") as film_file:
            block = os.urandom(1_000_000)
            for _ in range(megabytes):
                film_file.write(block)
        film = seal(path)
        plan = ChunkPlan.for_size(film.size)
        parts = cut(film, plan, Path(name))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours, curls = [], []
        for _ in range(TURNS):
            ours.append(timed(lambda: with_airdate(film, plan, url)))
            curls.append(timed(lambda: with_curl(parts, plan, url)))
        growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    server.kill()
    ratio = min(curls) / min(ours)
    print(f"airdate {megabytes / min(ours):8.0f} MB/s   {[round(t, 3) for t in ours]}")
    print(f"curl -T {megabytes / min(curls):8.0f} MB/s   {[round(t, 3) for t in curls]}")
    print(f"ratio   {ratio:8.2f}        (at least {LIMIT})")
    print(f"memory  {growth:8.1f} MB     (at most {LARGEST_GROWTH_MB}, more than before the first turn)")
    return 0 if ratio >= LIMIT and growth <= LARGEST_GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())

"""A plain client that does what it is told and no more, and films from the real ffmpeg."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
from PIL import Image

from airdate.sandbox.running import Control
from airdate.sandbox.server import serve

POST_INFO = {
    "title": "Launch day #demo",
    "privacy_level": "SELF_ONLY",
    "disable_duet": True,
    "disable_stitch": True,
    "disable_comment": False,
    "brand_content_toggle": False,
    "brand_organic_toggle": False,
    "is_aigc": False,
}

PHOTO_INFO = {
    "title": "Three of them",
    "description": "Out today #demo",
    "privacy_level": "SELF_ONLY",
    "disable_comment": True,
    "auto_add_music": True,
    "brand_content_toggle": False,
    "brand_organic_toggle": False,
}


@dataclass
class Client:
    """A creator's client over loopback."""

    control: Control
    grant: dict[str, str]
    http: httpx.Client
    access: str = ""
    refresh_token: str = ""

    def refresh(self, refresh_token: str | None = None, **changed: str) -> httpx.Response:
        form = {
            "client_key": self.grant["client_key"],
            "client_secret": self.grant["client_secret"],
            "grant_type": "refresh_token",
            "refresh_token": refresh_token or self.refresh_token,
        }
        answer = self.http.post("/v2/oauth/token/", data={**form, **changed})
        if "access_token" in answer.text:
            self.access, self.refresh_token = answer.json()["access_token"], answer.json()["refresh_token"]
        return answer

    def call(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.access}", "Content-Type": "application/json; charset=UTF-8", **headers}
        return self.http.post(path, content=None if body is None else json.dumps(body).encode(), headers=sent)

    def creator_info(self) -> httpx.Response:
        return self.call("/v2/post/publish/creator_info/query/")

    def init(
        self, size: int, chunk: int | None = None, count: int = 1, *, inbox: bool = False, **info: Any
    ) -> httpx.Response:
        source = {
            "source": "FILE_UPLOAD",
            "video_size": size,
            "chunk_size": size if chunk is None else chunk,
            "total_chunk_count": count,
        }
        if inbox:
            return self.call("/v2/post/publish/inbox/video/init/", {"source_info": source})
        return self.call("/v2/post/publish/video/init/", {"post_info": POST_INFO | info, "source_info": source})

    def init_photos(self, urls: list[str], *, mode: str = "DIRECT_POST", cover: int = 0, **info: Any) -> httpx.Response:
        body = {
            "media_type": "PHOTO",
            "post_mode": mode,
            "post_info": (PHOTO_INFO if mode == "DIRECT_POST" else {}) | info,
            "source_info": {"source": "PULL_FROM_URL", "photo_images": urls, "photo_cover_index": cover},
        }
        return self.call("/v2/post/publish/content/init/", body)

    def pulled(self, publish_id: str) -> dict[str, Any]:
        """The status of a pull once it is decided."""
        self.control.advance(5)
        until = time.monotonic() + 10
        while (facts := self.control.post(publish_id))["state"] == "PROCESSING_DOWNLOAD":
            assert time.monotonic() < until, facts
            self.control.advance(5)
        return self.data(publish_id)

    def status(self, publish_id: str) -> httpx.Response:
        return self.call("/v2/post/publish/status/fetch/", {"publish_id": publish_id})

    def data(self, publish_id: str) -> dict[str, Any]:
        return self.status(publish_id).json()["data"]

    def post(self, film: bytes, *, inbox: bool = False, **info: Any) -> str:
        """A whole upload in one chunk, processing included; returns the publish id."""
        self.creator_info()
        opened = self.init(len(film), inbox=inbox, **info).json()["data"]
        assert put(opened["upload_url"], film, 0, len(film)).status_code == 201
        self.control.advance(5)
        self.control.post(opened["publish_id"])  # answers when the film was looked at
        return opened["publish_id"]


def put(url: str, body: bytes, first: int, total: int, **headers: str) -> httpx.Response:
    """One chunk; a header named with an empty value is left out."""
    sent = {
        "Content-Type": "video/mp4",
        "Content-Range": f"bytes {first}-{first + len(body) - 1}/{total}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return httpx.put(
        url, content=body, headers={n: v for n, v in sent.items() if v}, timeout=30, trust_env=False, verify=False
    )


@dataclass
class Films:
    """Makes films with the real ffmpeg, each once."""

    folder: Path
    made: dict[str, Path] = field(default_factory=dict)

    def path(self, *, size: str = "540x960", fps: str = "30", seconds: str = "2", name: str = "film.mp4") -> Path:
        key = f"{size}-{fps}-{seconds}-{name}".replace("/", "_")
        if key not in self.made:
            path = self.folder / key
            source = f"testsrc=size={size}:rate={fps}:duration={seconds}"
            codec = ["-c:v", "libvpx", "-deadline", "realtime"] if name.endswith("webm") else ["-c:v", "libx264"]
            arguments = ["-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-y", str(path)]
            if name.endswith("webm"):
                arguments = ["-pix_fmt", "yuv420p", "-y", str(path)]
            ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
            command = [ffmpeg, "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source, *codec, *arguments]
            subprocess.run(command, check=True, timeout=60)
            self.made[key] = path
        return self.made[key]


def padded(film: bytes, size: int) -> bytes:
    """The film with a `free` box at its end, so that it has `size` bytes and still plays."""
    rest = size - len(film)
    return film + rest.to_bytes(4, "big") + b"free" + bytes(rest - 8)


def free_pair() -> int:
    """A port that is free, and so is the next one."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
        return port


def serve_in_child(port: int, folder: Path, ready: Connection) -> None:
    """What a child process runs that is the sandbox; it sends its addresses when it is ready."""
    serve("127.0.0.1", port, folder=folder, ready=lambda addresses: ready.send(json.dumps(addresses.as_dict())))


@cache
def photo(width: int = 720, height: int = 1280, kind: str = "JPEG") -> bytes:
    """A picture of one colour."""
    file = BytesIO()
    Image.new("RGB", (width, height), (width % 256, height % 256, 90)).save(file, kind)
    return file.getvalue()


@dataclass
class WebHost:
    """A web server of ours.

    Attributes:
        files: bodies by path; a status answers without one, and `None` sends half of a body and then nothing more.
        asked: what was asked of it: method, path with query, and headers.
        answers: statuses to give in turn; 200 when they are used up.
    """

    origin: str = ""
    files: dict[str, bytes | int | None] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def put(self, name: str, body: bytes | int | None) -> str:
        self.files[f"/{name}"] = body
        return f"{self.origin}/{name}"


@contextmanager
def web_host() -> Iterator[WebHost]:
    """Serves until the block is left; POSTs are recorded and answered with `answers`."""
    host = WebHost()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append(("GET", self.path, {n.lower(): v for n, v in self.headers.items()}, b""))
            body = host.files.get(self.path.partition("?")[0], 404)
            if isinstance(body, int):
                self.send_response(body)
                if 300 <= body < 400:
                    self.send_header("Location", "/a.jpg")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) if body is not None else 2000))
            self.end_headers()
            self.wfile.write(body if body is not None else bytes(1000))
            if body is None:
                self.wfile.flush()
                host.release.wait(20)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            host.asked.append(("POST", self.path, {n.lower(): v for n, v in self.headers.items()}, body))
            self.send_response(host.answers.pop(0) if host.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.release.set()
        server.shutdown()
        server.server_close()
        thread.join()

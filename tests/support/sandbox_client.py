"""A plain client that does what it is told and no more, and films from the real ffmpeg."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg

from airdate.sandbox.running import RunningSandbox
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


@dataclass
class Client:
    """A creator's client over loopback."""

    sandbox: RunningSandbox
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
        return self.http.post(path, json=body, headers=sent)

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

    def status(self, publish_id: str) -> httpx.Response:
        return self.call("/v2/post/publish/status/fetch/", {"publish_id": publish_id})

    def data(self, publish_id: str) -> dict[str, Any]:
        return self.status(publish_id).json()["data"]

    def post(self, film: bytes, *, inbox: bool = False, **info: Any) -> str:
        """A whole upload in one chunk, processing included; returns the publish id."""
        self.creator_info()
        opened = self.init(len(film), inbox=inbox, **info).json()["data"]
        assert put(opened["upload_url"], film, 0, len(film)).status_code == 201
        self.sandbox.control.advance(5)
        self.sandbox.control.post(opened["publish_id"])  # answers when the film was looked at
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


def serve_in_child(port: int, folder: Path, ready: Connection) -> None:
    """What a child process runs that is the sandbox; it sends its addresses when it is ready."""
    serve("127.0.0.1", port, folder=folder, ready=lambda addresses: ready.send(json.dumps(addresses.as_dict())))

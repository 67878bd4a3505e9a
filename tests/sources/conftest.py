"""A web server for faults: every answer is written as raw bytes, so that it can be as wrong as a real one."""

from __future__ import annotations

import datetime as dt
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from downloading import Get

from airdate.settings import Settings

FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + random.Random(7).randbytes(300_000)
OTHER_FILM = FILM[:24] + random.Random(8).randbytes(300_000)


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int | None:
        asked = self.headers.get("range")
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else None


Answer = Callable[[Request], bytes]


@dataclass
class FaultServer:
    """Answers each connection's one request; `answers` are used in their order, the last one for all that follow."""

    FILM: ClassVar[bytes] = FILM
    OTHER_FILM: ClassVar[bytes] = OTHER_FILM

    tls: ssl.SSLContext | None = None
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def url(self, path: str = "/film.mp4") -> str:
        return self.origin + path

    def answer(self, *answers: Answer | bytes) -> None:
        self.answers = [a if callable(a) else (lambda _request, a=a: a) for a in answers]

    @staticmethod
    def reply(status: str, body: bytes = b"", *lines: str, length: int | None = None) -> bytes:
        """A response; `length` overrides what Content-Length says."""
        head = [f"HTTP/1.1 {status}", "Connection: close", *lines]
        head.append(f"Content-Length: {len(body) if length is None else length}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def redirect(self, location: str) -> bytes:
        return self.reply("302 Found", b"", f"Location: {location}")

    def film(self, *lines: str, content: bytes = FILM, upto: int | None = None) -> Answer:
        """The film or the rest of it, as a good server sends it; only its first `upto` bytes then get out."""

        def answer(request: Request) -> bytes:
            said = lines or ('ETag: "v1"',)
            start = request.start
            if start is None:
                return self.reply("200 OK", content[:upto], *said, length=len(content))
            span = f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}"
            rest = len(content) - start
            return self.reply("206 Partial Content", content[start:upto], span, *said, length=rest)

        return answer

    def close(self) -> None:
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as lines:
                path = lines.readline().decode().split(" ")[1]
                headers = {}
                while line := lines.readline().decode("latin-1").strip():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                request = Request(path, headers)
                self.requests.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                connection.sendall(answer(request))
        except (OSError, IndexError):
            return


@pytest.fixture
def server() -> Iterator[FaultServer]:
    running = FaultServer()
    yield running
    running.close()


@pytest.fixture
def second_server() -> Iterator[FaultServer]:
    running = FaultServer()
    yield running
    running.close()


@pytest.fixture
def settings(server: FaultServer, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", allowed_origins=(server.origin,), _env_file=None)


@pytest.fixture
def get(server: FaultServer, settings: Settings, tmp_path: Path) -> Get:
    """Download the server's film without really waiting."""
    return Get(server, settings, tmp_path / "job")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, for `dam.example` alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dam.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("dam.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "dam.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@dataclass
class TlsServer:
    server: FaultServer
    names: list[str | None]

    @property
    def origin(self) -> str:
        return f"https://dam.example:{self.server.port}"


@pytest.fixture
def tls_server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsServer]:
    """`https://dam.example:PORT` on this machine, its certificate trusted; `names` are the SNI names asked by."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    running = FaultServer(tls=context)
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: resolve("127.0.0.1" if str(host).endswith(".example") else host, *rest, **more),
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield TlsServer(running, names)
    running.close()

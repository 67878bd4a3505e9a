"""The upload under TLS: the answer that comes in mid-body is read there too, and a stranger gets no byte."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from upload_host import Fault, Host, early, reset, stored_but_unanswered
from uploading import Hooks, Stage

from airdate.errors import Transient
from airdate.files import seal
from airdate.tiktok import wire
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.upload import UploadUrlDead


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS with a certificate of its own, which the upload is made to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upload host")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "host.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    monkeypatch.setattr(wire.httpx, "create_ssl_context", lambda **_: ssl.create_default_context(cafile=path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize("fault", [None, early(416, 200_000), reset(5_000_000), stored_but_unanswered])
def test_all_that_holds_under_tls(tmp_path: Path, tls: ssl.SSLContext, fault: Fault | None) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(24_000_000))
    with Host(24_000_000, faults=[fault], tls=tls) as host:
        stage = Stage(seal(path), host, Hooks(host))
        stage.upload(ChunkPlan(24_000_000, 12_000_000, 2))
        assert stage.is_complete


def test_a_403_in_mid_body_is_read_under_tls(tmp_path: Path, tls: ssl.SSLContext) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    # A host that closes on unread bytes resets the connection, and the reset may overtake its answer; then the
    # next attempt reads it.
    with Host(24_000_000, faults=[early(403, 200_000) for _ in range(5)], tls=tls) as host:
        stage = Stage(seal(path), host, Hooks(host))
        with pytest.raises(UploadUrlDead) as dead:
            stage.upload(ChunkPlan.for_size(24_000_000))
        assert dead.value.code == "http_403"


def test_a_certificate_nobody_vouches_for_gets_no_byte(
    tmp_path: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire.httpx, "create_ssl_context", lambda **_: ssl.create_default_context())
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(1000))
    with Host(1000, tls=tls) as host:
        stage = Stage(seal(path), host, Hooks(host))
        with pytest.raises(Transient, match="CERTIFICATE_VERIFY_FAILED"):
            stage.upload(ChunkPlan.for_size(1000))
        assert host.puts == []

from __future__ import annotations

import pytest

from airdate.sources.sniff import sniff


def packets(first: int, step: int) -> bytes:
    return b"".join(bytes(first) + b"\x47" + bytes(step - first - 1) for _ in range(4))


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\x00\x00\x00\x18ftypmp42", ".mp4"),
        (b"\x00\x00\x00\x18ftypisom", ".mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", ".mov"),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", ".mov"),
        (b"\x00\x00\x10\x00moov", ".mov"),
        (b"\x00\x00\x00\x18ftypheic", ".heic"),
        (b"\x00\x00\x00\x18ftypavif", ".avif"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", ".webm"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", ".mkv"),
        (packets(0, 188), ".ts"),
        (packets(4, 192), ".ts"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", ".avi"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ".webp"),
        (b"\xff\xd8\xff\xe1", ".jpg"),
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"GIF89a", ".gif"),
        (b"II*\x00", ".tif"),
        (b"MM\x00*", ".tif"),
        (b"BM\x10\x00\x00\x00\x00\x00\x00\x00", ".bmp"),
        (b"\x00\x00\x01\xba\x44", ".mpg"),
        (b"FLV\x01\x05", ".flv"),
        (b"\x06\x0e\x2b\x34\x02", ".mxf"),
    ],
)
def test_media(head: bytes, suffix: str) -> None:
    kind = sniff(head + bytes(1024 - len(head)) if len(head) < 188 else head)
    assert kind is not None
    assert kind.suffix == suffix


@pytest.mark.parametrize(
    "head",
    [b"", b"\x00" * 1024, b"<!doctype html><html>", b'{"error": "expired"}', b"%PDF-1.7", b"PK\x03\x04",
     b"\x1f\x8b\x08", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"ID3\x04", b"BMW is a car", b"G" * 188 + b"x" * 9,
     b"ftyp", b"GIF8"],
)  # fmt: skip
def test_anything_else(head: bytes) -> None:
    assert sniff(head) is None

from __future__ import annotations

import socket
from pathlib import Path

import httpcore
import httpx
import pytest

from airdate.errors import NeedsPerson, Refused, WrongUsage
from airdate.settings import Settings
from airdate.sources.download import download
from airdate.sources.guard import Guard, is_public, open_client
from airdate.sources.origins import allowed_origins, first_hop, next_hop

FORBIDDEN = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1",
    "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_address_that_is_not_the_internets(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_address_of_the_internet(address: str) -> None:
    assert is_public(address)


def fetch(url: str, tmp_path: Path, *allowed: str) -> object:
    settings = Settings(allowed_origins=allowed, _env_file=None)
    return download(url, tmp_path / "film", settings=settings, pause=lambda _seconds: None)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0x7f000001", "127.1", "0177.0.0.1", "①②⑦.0.0.1",
     "\uff11\uff12\uff17.0.0.1",
     "0x7F.0.0.1", "127。0。0。1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "0", "0.0.0.0"],
)  # fmt: skip
def test_odd_spellings_of_this_machine_are_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson) as refused:
        fetch(f"https://{host}/film.mp4?sig=canary", tmp_path)
    assert (refused.value.code, refused.value.exit_code) == ("address_forbidden", 4)
    assert "AIRDATE_ALLOWED_ORIGINS" in str(refused.value)
    assert "canary" not in str(refused.value)
    with pytest.raises(NeedsPerson) as plain:
        fetch(f"http://{host}/film.mp4", tmp_path)
    assert (plain.value.code, plain.value.exit_code) == ("origin_not_allowed", 4)


def test_one_private_answer_among_public_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolves_to(monkeypatch, ["93.184.215.14", "10.0.0.5"])
    with pytest.raises(NeedsPerson, match=r"dam\.example leads to 10\.0\.0\.5"):
        _guard("https://dam.example/a").connect_tcp("dam.example", 443)


def test_the_checked_address_is_dialled_and_the_name_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = _resolves_to(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    dialled: list[object] = []

    def dial(address: tuple[str, int], *_rest: object, **_more: object) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", dial)
    with pytest.raises(httpcore.ConnectError):
        _guard("https://dam.example/a").connect_tcp("dam.example", 443)
    assert dialled == [("93.184.215.14", 443)]
    assert resolved == ["dam.example"]


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolves_to(monkeypatch, ["2606:4700::1", "93.184.215.14"])
    dialled: list[str] = []

    def dial(address: tuple[str, int], *_rest: object, **_more: object) -> socket.socket:
        dialled.append(address[0])
        if len(dialled) == 1:
            raise TimeoutError
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", dial)
    _guard("https://dam.example/a").connect_tcp("dam.example", 443).close()
    assert dialled == ["2606:4700::1", "93.184.215.14"]


def test_tls_and_host_go_by_the_name(tls_server, tmp_path: Path) -> None:
    tls_server.server.answer(tls_server.server.film())
    fetch(f"{tls_server.origin}/film.mp4", tmp_path, tls_server.origin)
    assert tls_server.names == ["dam.example"]
    assert tls_server.server.requests[0].headers["host"] == f"dam.example:{tls_server.server.port}"


def test_a_certificate_for_another_name_is_no_transient_fault(tls_server, tmp_path: Path) -> None:
    origin = tls_server.origin.replace("dam.example", "other.example")
    with pytest.raises(NeedsPerson) as refused:
        fetch(f"{origin}/film.mp4", tmp_path, origin)
    assert refused.value.code == "certificate_invalid"
    assert "other.example" in refused.value.message


def test_a_proxy_of_the_environment_is_not_asked(server, settings, tmp_path: Path, monkeypatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answer(server.film())
    assert download(server.url(), tmp_path / "film", settings=settings).size == len(server.FILM)


def test_listing_one_port_opens_no_other(server, second_server, tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson, match="not listed"):
        fetch(second_server.url(), tmp_path, server.origin)
    assert second_server.requests == []


def test_redirect_to_an_origin_that_is_not_listed(server, second_server, settings, tmp_path: Path) -> None:
    server.answer(server.redirect(second_server.url("/x?sig=canary")))
    with pytest.raises(NeedsPerson) as refused:
        download(server.url(), tmp_path / "film", settings=settings)
    assert refused.value.code == "origin_not_allowed"
    assert "canary" not in str(refused.value)
    assert second_server.requests == []


@pytest.mark.parametrize("target", ["https://169.254.169.254/latest/meta-data/", "https://2130706433/", "//0x7f.1/"])
def test_redirect_to_a_forbidden_address(target: str, tls_server, tmp_path: Path) -> None:
    tls_server.server.answer(tls_server.server.redirect(target))
    with pytest.raises(NeedsPerson) as refused:
        fetch(f"{tls_server.origin}/film.mp4", tmp_path, tls_server.origin)
    assert refused.value.code == "address_forbidden"


def test_redirect_between_two_listed_origins_is_followed(server, second_server, tmp_path: Path) -> None:
    server.answer(server.redirect(second_server.url()))
    second_server.answer(second_server.film())
    fetch(server.url(), tmp_path, server.origin, second_server.origin)
    assert len(second_server.requests) == 1


def test_only_a_listed_origin_leads_to_another_listed_one() -> None:
    allowed = allowed_origins(["http://10.0.0.5:8080", "https://10.0.0.6", "https://dam.example"])
    outside = first_hop("https://public.example/a", allowed)
    assert not next_hop(outside, "https://10.0.0.6/b", allowed).trusted
    inside = first_hop("https://dam.example/a", allowed)
    assert next_hop(inside, "https://10.0.0.6/b", allowed).trusted


def test_redirect_from_https_to_http_even_where_http_is_listed(tls_server, server, tmp_path: Path) -> None:
    tls_server.server.answer(tls_server.server.redirect(server.url()))
    with pytest.raises(NeedsPerson) as refused:
        fetch(f"{tls_server.origin}/film.mp4", tmp_path, tls_server.origin, server.origin)
    assert refused.value.code == "redirect_insecure"
    assert server.requests == []


@pytest.mark.parametrize("target", ["ftp://h/x", "file:///etc/passwd", "https://u:canary@h/x", "https:///x"])
def test_redirect_to_what_cannot_be_asked(target: str, server, settings, tmp_path: Path) -> None:
    server.answer(server.redirect(target))
    with pytest.raises(Refused) as refused:
        download(server.url(), tmp_path / "film", settings=settings)
    assert (refused.value.code, refused.value.exit_code) == ("redirect_invalid", 3)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://h/x", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://h/", "url_scheme"),
        ("https://user:canary@h/x", "url_userinfo"),
        ("https://h\\@evil.example/x", "url_userinfo"),
        ("https://h:99999/x", "url_invalid"),
        ("https://h:abc/x", "url_invalid"),
        ("https:///x", "url_invalid"),
        ("https://%31%32%37.0.0.1/x", "url_invalid"),
        ("https://a b/x", "url_invalid"),
        ("https://ex\tample/x", "url_invalid"),
    ],
)
def test_urls_that_nobody_can_ask(url: str, code: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        first_hop(url, frozenset())
    assert (refused.value.code, refused.value.exit_code) == (code, 2)
    assert refused.value.fix
    assert "canary" not in str(refused.value)


def test_an_odd_port_has_to_be_listed() -> None:
    with pytest.raises(NeedsPerson, match="port 8443"):
        first_hop("https://dam.example:8443/x", frozenset())
    assert first_hop("https://dam.example:8443/x", allowed_origins(["https://dam.example:8443"])).trusted


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example/a"),
        ("HTTPS://DAM.example:443", "https://dam.example/a"),
        ("https://dam.example", "HTTPS://DAM.EXAMPLE:443/a"),
        ("http://[::1]:8000", "http://[::1]:8000/a"),
    ],
)
def test_one_origin_in_two_spellings(listed: str, url: str) -> None:
    assert first_hop(url, allowed_origins(Settings(allowed_origins=(listed,), _env_file=None).allowed_origins)).trusted


def test_the_guard_is_what_httpx_dials_with() -> None:
    hop = first_hop("https://127.0.0.1/", frozenset())
    with open_client(hop, httpx.Timeout(1), lambda: 1.0) as client, pytest.raises(NeedsPerson):
        client.get("https://127.0.0.1/")


def _guard(url: str) -> Guard:
    return Guard(first_hop(url, frozenset()), lambda: 1.0)


def _resolves_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    asked: list[str] = []
    left = list(answers)

    def resolve(host: str, port: int, *_rest: object, **_more: object) -> list[object]:
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked

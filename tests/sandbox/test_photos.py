from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from sandbox_client import PHOTO_INFO, Client, WebHost, photo

from airdate.sandbox.ownership import is_address, is_verified
from airdate.sandbox.running import Control, RunningSandbox

pytestmark = pytest.mark.e2e


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@pytest.fixture
def urls(host: WebHost, control: Control) -> list[str]:
    """Two photos, one of each format, on a verified address."""
    control.settings(verified_prefixes=[f"{host.origin}/"])
    return [host.put("a.jpg", photo()), host.put("b.webp", photo(1080, 1920, "WEBP"))]


def test_photos_are_really_pulled(demo: Client, control: Control, host: WebHost, urls: list[str]) -> None:
    demo.creator_info()
    answer = demo.init_photos([f"{urls[0]}?signature=secret", urls[1]], cover=1).json()["data"]
    assert set(answer) == {"publish_id"}
    assert answer["publish_id"].startswith("p_pub_url~v2.")
    assert demo.pulled(answer["publish_id"]) == {"status": "PUBLISH_COMPLETE"}
    [post] = control.posts()
    assert (post["kind"], post["mode"], post["options"]) == ("photos", "direct", PHOTO_INFO)
    assert [each["sha256"] for each in post["photos"]] == [
        hashlib.sha256(body).hexdigest() for body in host.files.values()
    ]
    assert [(each["kind"], each["width"]) for each in post["photos"]] == [("image/jpeg", 720), ("image/webp", 1080)]
    assert [control.bytes_of(post["publish_id"], index) for index in range(2)] == list(host.files.values())
    assert "secret" not in str(control.posts()) + str(control.calls())
    assert control.broken() == []
    assert [path for _, path, *_ in host.asked] == ["/a.jpg?signature=secret", "/b.webp"]


def test_a_photo_draft_waits_in_the_inbox(client_of: Callable[..., Client], control: Control, urls: list[str]) -> None:
    client = client_of("demo", "video.upload")
    control.settings(creators={"demo": {"private": False}})
    publish_id = client.init_photos(urls, mode="MEDIA_UPLOAD", title="Draft").json()["data"]["publish_id"]
    assert client.pulled(publish_id) == {"status": "SEND_TO_USER_INBOX"}
    assert code(client.init_photos(urls)) == "scope_not_authorized"
    assert control.broken() == []
    assert code(client.init_photos(urls, mode="MEDIA_UPLOAD", privacy_level="SELF_ONLY")) == "ok"
    assert [broken["rule"] for broken in control.broken()] == ["post_info_in_inbox"]
    control.settings(creators={"demo": {"old_app": True}})
    refused = client.init_photos(urls, mode="MEDIA_UPLOAD")
    assert (refused.status_code, code(refused)) == (400, "app_version_check_failed")


def test_only_a_direct_post_needs_its_own_scope(client_of: Callable[..., Client], urls: list[str]) -> None:
    client = client_of("demo", "video.publish")
    assert code(client.init_photos(urls, mode="MEDIA_UPLOAD")) == "scope_not_authorized"
    assert code(client.init_photos(urls)) == "ok"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"title": "👍" * 45}, "ok"),
        ({"title": "👍" * 45 + "a"}, "invalid_params"),
        ({"description": "x" * 4000}, "ok"),
        ({"description": "x" * 4001}, "invalid_params"),
        ({"is_aigc": True}, "invalid_params"),
        ({"disable_duet": True}, "invalid_params"),
        ({"disable_stitch": False}, "invalid_params"),
        ({"auto_add_music": "yes"}, "invalid_params"),
        ({"privacy_level": None}, "invalid_params"),
        ({"privacy_level": "PUBLIC_TO_EVERYONE"}, "unaudited_client_can_only_post_to_private_accounts"),
    ],
    ids=str,
)
def test_what_a_photo_post_may_say(demo: Client, urls: list[str], changed: dict[str, Any], expected: str) -> None:
    assert code(demo.init_photos(urls, **changed)) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"media_type": "VIDEO"},
        {"post_mode": "DIRECT POST"},
        {"post_mode": None},
        {"post_info": None},
        {"post_info": {}},
        {"source_info": {"source": "FILE_UPLOAD", "photo_images": ["https://a.example/a.jpg"], "photo_cover_index": 0}},
        {"source_info": {"source": "PULL_FROM_URL", "photo_images": [], "photo_cover_index": 0}},
        {"source_info": {"source": "PULL_FROM_URL", "photo_images": ["https://a.example/a.jpg"] * 36}},
        {"source_info": {"source": "PULL_FROM_URL", "photo_images": ["https://a.example/a.jpg"]}},
        {"source_info": {"source": "PULL_FROM_URL", "photo_images": ["a.jpg"], "photo_cover_index": 0}},
        {"source_info": {"source": "PULL_FROM_URL", "photo_images": [7], "photo_cover_index": 0}},
    ],
    ids=str,
)
def test_bad_photo_bodies_are_invalid_params(demo: Client, urls: list[str], changed: dict[str, Any]) -> None:
    body = {
        "media_type": "PHOTO",
        "post_mode": "DIRECT_POST",
        "post_info": PHOTO_INFO,
        "source_info": {"source": "PULL_FROM_URL", "photo_images": urls, "photo_cover_index": 1},
    }
    path = "/v2/post/publish/content/init/"
    answer = demo.call(path, body | changed)
    assert (answer.status_code, code(answer)) == (400, "invalid_params")
    assert code(demo.call(path, body)) == "ok"


@pytest.mark.parametrize("cover", [-1, 2])
def test_the_cover_is_one_of_the_photos(demo: Client, urls: list[str], cover: int) -> None:
    assert code(demo.init_photos(urls, cover=cover)) == "invalid_params"


def test_photos_have_a_minute_of_their_own(demo: Client, control: Control, urls: list[str]) -> None:
    for _ in range(6):
        assert code(demo.init(1000)) == "ok"
        assert code(demo.init_photos(urls)) == "ok"
    assert code(demo.init_photos(urls)) == "rate_limit_exceeded"
    assert [broken["rule"] for broken in control.broken() if broken["rule"] == "over_rate"] == ["over_rate"]


def test_unfinished_photo_drafts_count(demo: Client, control: Control, urls: list[str]) -> None:
    control.settings(pending_shares=1)
    assert code(demo.init_photos(urls, mode="MEDIA_UPLOAD")) == "ok"
    assert code(demo.init_photos(urls, mode="MEDIA_UPLOAD")) == "spam_risk_too_many_pending_share"
    assert code(demo.init(1000, inbox=True)) == "spam_risk_too_many_pending_share"


def test_an_address_must_be_verified(demo: Client, control: Control, urls: list[str]) -> None:
    control.settings(verified_prefixes=["https://example.com/mine/"])
    refused = demo.init_photos(urls)
    assert (refused.status_code, code(refused)) == (403, "url_ownership_unverified")
    assert refused.json()["error"]["message"].endswith("content-posting-api-media-transfer-guide/#pull_from_url")
    assert control.posts() == []


@pytest.mark.parametrize(
    ("url", "prefixes", "verified"),
    [
        ("https://a.example/videos/user/1/x.jpg", ["https://a.example/videos/user/"], True),
        ("https://a.example/videos/user/1/x.jpg?sig=1", ["https://a.example/videos/user"], True),
        ("https://a.example/videos/2026/user/1/x.jpg", ["https://a.example/videos/user/"], False),
        ("https://a.example/videos/user-evil/x.jpg", ["https://a.example/videos/user"], False),
        ("https://a.example/videos/user/../../x.jpg", ["https://a.example/videos/user/"], False),
        ("https://a.example/videos/user/%2e%2e/x.jpg", ["https://a.example/videos/user/"], False),
        ("https://cdn.a.example/x.jpg", ["a.example"], True),
        ("https://a.example/x.jpg", ["cdn.a.example"], False),
        ("https://evila.example/x.jpg", ["a.example"], False),
        ("http://a.example/x.jpg", ["a.example"], False),
        ("http://127.0.0.1:8000/x.jpg", ["127.0.0.1"], True),
        ("http://localhost:8000/x.jpg", ["http://localhost:8000"], True),
        ("https://127.0.0.1/x.jpg", [], False),
    ],
)
def test_which_addresses_are_verified(url: str, prefixes: list[str], verified: bool) -> None:
    assert is_verified(url, prefixes) is verified


@pytest.mark.parametrize(
    "url", ["", "x.jpg", "ftp://a.example/x", "https://", "https://u:p@a.example/x", "https://a.example/a b", 7, None]
)
def test_what_is_no_address(url: object) -> None:
    assert not is_address(url)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (302, "photo_pull_failed"),
        (404, "photo_pull_failed"),
        (503, "photo_pull_failed"),
        (photo(kind="PNG"), "file_format_check_failed"),
        (photo()[:2000], "file_format_check_failed"),
        (b"", "file_format_check_failed"),
        (photo(1086, 1448), "picture_size_check_failed"),
        (photo(1000, 1921), "picture_size_check_failed"),
        (photo() + bytes(20_000_001), "picture_size_check_failed"),
    ],
    ids=["redirect", "404", "503", "png", "cut", "empty", "short side", "long side", "20 MB"],
)
def test_one_bad_photo_fails_all(
    demo: Client, control: Control, host: WebHost, urls: list[str], bad: bytes | int, reason: str
) -> None:
    publish_id = demo.init_photos([urls[0], host.put("bad.jpg", bad)]).json()["data"]["publish_id"]
    assert demo.pulled(publish_id) == {"status": "FAILED", "fail_reason": reason}
    assert "2" in control.post(publish_id)["why"], "it tells people, and only them, which one"


def test_a_phones_two_in_one_is_a_jpeg(demo: Client, host: WebHost, urls: list[str]) -> None:
    file = BytesIO()
    Image.new("RGB", (300, 400)).save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (300, 400))])
    publish_id = demo.init_photos([host.put("two.jpg", file.getvalue())]).json()["data"]["publish_id"]
    assert demo.pulled(publish_id) == {"status": "PUBLISH_COMPLETE"}


def test_a_server_that_is_gone(demo: Client, control: Control) -> None:
    control.settings(verified_prefixes=["127.0.0.1"])
    publish_id = demo.init_photos(["http://127.0.0.1:1/a.jpg"]).json()["data"]["publish_id"]
    assert demo.pulled(publish_id) == {"status": "FAILED", "fail_reason": "photo_pull_failed"}


def downloading(client: Client, publish_id: str, received: int) -> None:
    until = time.monotonic() + 10
    while client.control.post(publish_id)["received"] < received:
        assert time.monotonic() < until
    assert client.data(publish_id) == {"status": "PROCESSING_DOWNLOAD", "downloaded_bytes": received}


def test_a_pull_can_be_cancelled(demo: Client, public: Client, host: WebHost, urls: list[str]) -> None:
    publish_id = demo.init_photos([host.put("slow.jpg", None)]).json()["data"]["publish_id"]
    downloading(demo, publish_id, 1000)
    path = "/v2/post/publish/cancel/"
    assert code(public.call(path, {"publish_id": publish_id})) == "token_not_authorized_for_specified_publish_id"
    answer = demo.call(path, {"publish_id": publish_id})
    assert (code(answer), "data" in answer.json()) == ("ok", False)
    assert demo.data(publish_id) == {"status": "FAILED", "fail_reason": "publish_cancelled"}
    assert code(demo.call(path, {"publish_id": publish_id})) == "publish_not_cancellable"


def test_a_pull_has_an_hour(demo: Client, control: Control, host: WebHost, urls: list[str]) -> None:
    publish_id = demo.init_photos([host.put("slow.jpg", None)]).json()["data"]["publish_id"]
    downloading(demo, publish_id, 1000)
    control.advance(3600)
    assert demo.pulled(publish_id) == {"status": "FAILED", "fail_reason": "photo_pull_failed"}


def test_a_film_can_be_pulled(demo: Client, control: Control, host: WebHost, urls: list[str], film: bytes) -> None:
    from sandbox_client import POST_INFO

    source = {"source": "PULL_FROM_URL", "video_url": host.put("film.mp4", film)}
    direct = demo.call("/v2/post/publish/video/init/", {"post_info": POST_INFO, "source_info": source}).json()["data"]
    draft = demo.call("/v2/post/publish/inbox/video/init/", {"source_info": source}).json()["data"]
    assert set(direct) == set(draft) == {"publish_id"}
    assert direct["publish_id"].startswith("v_pub_url~v2.")
    assert draft["publish_id"].startswith("v_inbox_url~v2.")
    assert demo.pulled(direct["publish_id"]) == {"status": "PUBLISH_COMPLETE"}
    assert demo.pulled(draft["publish_id"]) == {"status": "SEND_TO_USER_INBOX"}
    assert control.post(direct["publish_id"])["sha256"] == hashlib.sha256(film).hexdigest()
    source["video_url"] = host.put("gone.mp4", 404)
    gone = demo.call("/v2/post/publish/inbox/video/init/", {"source_info": source}).json()["data"]
    assert demo.pulled(gone["publish_id"]) == {"status": "FAILED", "fail_reason": "video_pull_failed"}


def test_photos_are_on_the_page(demo: Client, sandbox: RunningSandbox, host: WebHost, urls: list[str]) -> None:
    publish_id = demo.init_photos(urls, title="All <three>").json()["data"]["publish_id"]
    demo.pulled(publish_id)
    page = httpx.get(sandbox.addresses.page, trust_env=False).text
    for shown in ("All &lt;three&gt;", "Out today <b>#demo</b>", "720 × 1280, 1080 × 1920", "comment off"):
        assert shown in page
    assert "duet" not in page
    for body in host.files.values():
        assert hashlib.sha256(body).hexdigest() in page
    second = httpx.get(f"{sandbox.addresses.page}/photos/{publish_id}/1", trust_env=False)
    assert (second.content, second.headers["content-type"]) == (host.files["/b.webp"], "image/webp")
    assert httpx.get(f"{sandbox.addresses.page}/photos/{publish_id}/2", trust_env=False).status_code == 404
    demo.pulled(demo.init_photos([host.put("c.png", photo(kind="PNG"))]).json()["data"]["publish_id"])
    page = httpx.get(sandbox.addresses.page, trust_env=False).text
    assert "photo 1 of 1 is PNG" in page
    assert page.count("<img") == 2, "what no browser of a viewer would get is not shown"

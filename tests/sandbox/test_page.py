from __future__ import annotations

import httpx
import pytest
from sandbox_client import Client

from airdate.sandbox.page import _parts
from airdate.sandbox.running import RunningSandbox


def get(sandbox: RunningSandbox, path: str = "", **headers: str) -> httpx.Response:
    return httpx.get(f"{sandbox.addresses.page}{path}", headers=headers, trust_env=False, verify=False)


def test_a_post_is_shown_with_all_that_was_chosen(demo: Client, sandbox: RunningSandbox, film: bytes) -> None:
    demo.post(film, title="Launch <b>day</b> #demo", is_aigc=True, brand_organic_toggle=True)
    page = get(sandbox)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for shown in (
        "Launch &lt;b&gt;day&lt;/b&gt; <b>#demo</b>",
        "Promotional content",
        "Creator labeled as AI-generated",
        "Only me",
        "comment on",
        "duet off",
        "Posted",
        "540 × 960 · 30 fps · 2.0 s",
    ):
        assert shown in page.text
    assert "http-equiv" not in page.text, "nothing is on its way, so nothing is loaded anew"


def test_a_paid_partnership_wins(public: Client, sandbox: RunningSandbox, film: bytes) -> None:
    public.post(film, privacy_level="PUBLIC_TO_EVERYONE", brand_organic_toggle=True, brand_content_toggle=True)
    page = get(sandbox, "/public").text
    assert "Paid partnership" in page
    assert "Promotional content" not in page


def test_a_failure_is_shown_with_its_reason(demo: Client, sandbox: RunningSandbox) -> None:
    demo.post(b"not a film")
    page = get(sandbox).text
    assert "file_format_check_failed" in page
    assert "Failed" in page


def test_what_is_on_its_way_is_looked_at_again(demo: Client, sandbox: RunningSandbox) -> None:
    demo.init(1000)
    page = get(sandbox).text
    assert "Uploading" in page
    assert 'http-equiv="refresh"' in page


def test_a_browser_can_seek(demo: Client, sandbox: RunningSandbox, film: bytes) -> None:
    publish_id = demo.post(film)
    part = get(sandbox, f"/films/{publish_id}", Range="bytes=1000-1999")
    assert (part.status_code, part.content) == (206, film[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(film)}"
    assert part.headers["content-type"] == "video/mp4"
    cover = get(sandbox, f"/covers/{publish_id}")
    assert cover.content[:2] == b"\xff\xd8"


def test_nothing_is_played_that_is_not_there(demo: Client, sandbox: RunningSandbox) -> None:
    publish_id = demo.init(1000).json()["data"]["publish_id"]
    assert get(sandbox, f"/films/{publish_id}").status_code == 404
    assert get(sandbox, "/films/..%2f..%2fetc%2fpasswd").status_code == 404
    assert get(sandbox, "/nobody").status_code == 404


@pytest.mark.parametrize("path", ["page", "control"])
def test_other_names_of_this_machine_are_refused(sandbox: RunningSandbox, path: str) -> None:
    url = {"page": sandbox.addresses.page, "control": f"{sandbox.addresses.control}/posts"}[path]
    port = sandbox.addresses.api.rpartition(":")[2]
    answered = {
        host: httpx.get(url, headers={"Host": host}, trust_env=False, verify=False).status_code
        for host in (
            "evil.example",
            f"evil.example:{port}",
            f"localhost:{port}",
            f"127.0.0.1:{port}",
            "127.0.0.1.evil.example",
        )
    }
    assert list(answered.values()) == [403, 403, 200, 200, 403]
    foreign = httpx.get(url, headers={"Origin": "https://evil.example"}, trust_env=False, verify=False)
    assert foreign.status_code == 403


def test_tags_are_set_off() -> None:
    assert [(part.text, part.is_tag) for part in _parts("a #b @c.d e")] == [
        ("a ", False),
        ("#b", True),
        (" ", False),
        ("@c.d", True),
        (" e", False),
    ]

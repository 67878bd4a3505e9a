from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sandbox_client import POST_INFO, Client

from airdate.sandbox.running import Control, RunningSandbox


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def rules(control: Control) -> list[str]:
    return [broken["rule"] for broken in control.broken()]


def test_creator_info_of_a_private_and_of_a_public_account(demo: Client, public: Client) -> None:
    private = demo.creator_info().json()
    assert private["error"]["code"] == "ok"
    assert private["error"]["log_id"]
    assert private["data"]["privacy_level_options"] == ["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    assert private["data"]["duet_disabled"] is True
    open_to_all = public.creator_info().json()["data"]
    assert open_to_all["privacy_level_options"] == ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    assert open_to_all["duet_disabled"] is False


def test_an_init_gives_an_id_and_a_url(demo: Client, control: Control, sandbox: RunningSandbox) -> None:
    demo.creator_info()
    opened = demo.init(66_259_900, 11_043_316, 6).json()["data"]
    assert re.fullmatch(r"v_pub_file~v2-1\.\d{19}", opened["publish_id"])
    assert len(opened["publish_id"]) <= 64
    assert opened["upload_url"].startswith(f"{sandbox.addresses.upload}/upload?upload_id=")
    assert len(opened["upload_url"]) <= 256
    assert control.broken() == []
    draft = demo.init(1000, inbox=True).json()["data"]
    assert draft["publish_id"].startswith("v_inbox_file~v2.")
    assert demo.data(draft["publish_id"]) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ((94_000_000, 67_108_864, 1), "The chunk size is invalid"),
        ((127_315_531, 67_108_864, 2), "The total chunk count is invalid"),
    ],
)
def test_a_wrong_plan_is_refused_without_data(demo: Client, plan: tuple[int, int, int], message: str) -> None:
    answer = demo.init(*plan)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {"code": "invalid_params", "message": message, "log_id": answer.headers["x-tt-logid"]}
    }


def test_the_profile_can_be_changed(demo: Client, control: Control) -> None:
    assert code(demo.init(15_000_000, 10_000_000, 1)) == "invalid_params"
    control.settings(profile="docs-binary")
    assert code(demo.init(15_000_000, 10_000_000, 1)) == "ok"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"post_info": {}, "source_info": {"source": "FILE_UPLOAD"}},
        {"post_info": POST_INFO | {"is_aigc": "false"}},
        {"post_info": POST_INFO | {"title": "x" * 2201}},
        {"post_info": POST_INFO, "source_info": {"source": "FILE_UPLOAD", "video_size": "5", "chunk_size": 5}},
        {"post_info": POST_INFO, "source_info": {"source": "FILE_UPLOAD", "video_size": True}},
        {"post_info": POST_INFO, "source_info": {"source": "UPLOAD"}},
        [],
    ],
)
def test_bad_bodies_are_invalid_params(demo: Client, body: Any) -> None:
    answer = demo.call("/v2/post/publish/video/init/", body)
    assert answer.status_code == 400
    assert code(answer) == "invalid_params"
    assert "data" not in answer.json()


UNAUDITED = "unaudited_client_can_only_post_to_private_accounts"


@pytest.mark.parametrize(
    ("audited", "private", "level", "expected"),
    [
        (False, True, "SELF_ONLY", "ok"),
        (False, True, "FOLLOWER_OF_CREATOR", UNAUDITED),
        (False, True, "PUBLIC_TO_EVERYONE", UNAUDITED),
        (False, False, "SELF_ONLY", UNAUDITED),
        (False, False, "PUBLIC_TO_EVERYONE", UNAUDITED),
        (True, False, "PUBLIC_TO_EVERYONE", "ok"),
        (True, False, "FOLLOWER_OF_CREATOR", "privacy_level_option_mismatch"),
        (True, True, "PUBLIC_TO_EVERYONE", "privacy_level_option_mismatch"),
        (True, True, "NOBODY", "privacy_level_option_mismatch"),
        (True, True, "MUTUAL_FOLLOW_FRIENDS", "ok"),
    ],
)
def test_who_may_post_to_whom(
    demo: Client, control: Control, audited: bool, private: bool, level: str, expected: str
) -> None:
    control.settings(creators={"demo": {"audited": audited, "private": private}})
    answer = demo.init(1000, privacy_level=level)
    assert code(answer) == expected
    assert answer.status_code == (200 if expected == "ok" else 403)


def test_an_unaudited_app_may_leave_drafts_in_a_public_account(demo: Client, control: Control) -> None:
    control.settings(creators={"demo": {"private": False}})
    assert code(demo.init(1000, inbox=True)) == "ok"


def test_no_privacy_level_is_a_mismatch(demo: Client) -> None:
    source = {"source": "FILE_UPLOAD", "video_size": 9, "chunk_size": 9, "total_chunk_count": 1}
    info = {name: value for name, value in POST_INFO.items() if name != "privacy_level"}
    answer = demo.call("/v2/post/publish/video/init/", {"post_info": info, "source_info": source})
    assert code(answer) == "privacy_level_option_mismatch"


def test_no_address_is_verified(demo: Client) -> None:
    body = {
        "post_info": POST_INFO,
        "source_info": {"source": "PULL_FROM_URL", "video_url": "https://example.com/a.mp4"},
    }
    assert code(demo.call("/v2/post/publish/video/init/", body)) == "url_ownership_unverified"


@pytest.mark.parametrize(
    ("limit", "ask"),
    [
        (6, lambda client: client.init(1000)),
        (6, lambda client: client.init(1000, inbox=True)),
        (20, lambda client: client.creator_info()),
        (30, lambda client: client.status("unknown")),
    ],
    ids=["init", "inbox", "creator_info", "status"],
)
def test_rates_are_sliding_minutes(
    demo: Client, control: Control, limit: int, ask: Callable[[Client], httpx.Response]
) -> None:
    control.settings(pending_shares=100)
    ask(demo)
    control.advance(30)
    for _ in range(limit - 1):
        assert ask(demo).status_code != 429
    refused = ask(demo)
    assert refused.status_code == 429
    assert code(refused) == "rate_limit_exceeded"
    assert "retry-after" not in refused.headers
    assert rules(control).count("over_rate") == 1
    control.advance(30.5)
    assert ask(demo).status_code != 429, "the first call has left the window"
    assert ask(demo).status_code == 429, "the others have not"


def test_rates_belong_to_the_creator_not_to_the_token(client_of: Callable[..., Client]) -> None:
    first, second, other = client_of("demo"), client_of("demo"), client_of("public")
    for _ in range(6):
        first.init(1000)
    assert second.init(1000).status_code == 429
    assert other.init(1000).status_code == 200


def test_five_unfinished_drafts_are_all(demo: Client, control: Control, film: bytes) -> None:
    drafts = [demo.post(film, inbox=True) for _ in range(5)]
    control.advance(60)
    assert code(demo.init(1000, inbox=True)) == "spam_risk_too_many_pending_share"
    control.finish(drafts[0])
    assert code(demo.init(1000, inbox=True)) == "ok"


def test_a_day_has_a_cap(demo: Client, control: Control, film: bytes) -> None:
    control.settings(daily_cap=2)
    demo.post(film)
    demo.post(film)
    asked = demo.creator_info()
    assert (asked.status_code, code(asked)) == (200, "spam_risk_too_many_posts")
    refused = demo.init(1000)
    assert (refused.status_code, code(refused)) == (403, "spam_risk_too_many_posts")
    control.advance(86_400)
    demo.refresh()
    assert code(demo.creator_info()) == "ok"


def test_a_ban_stops_everything(demo: Client, control: Control) -> None:
    control.settings(creators={"demo": {"banned": True}})
    asked = demo.creator_info()
    assert (asked.status_code, code(asked)) == (200, "spam_risk_user_banned_from_posting")
    assert (demo.init(1000).status_code, demo.init(1000, inbox=True).status_code) == (403, 403)


def test_what_the_api_lets_pass_is_recorded(demo: Client, control: Control) -> None:
    demo.init(1000)
    assert rules(control) == ["stale_creator_info"]
    demo.creator_info()
    control.advance(61)
    demo.init(1000, brand_content_toggle=True, caption="no field of TikTok's")
    assert rules(control)[1:] == ["stale_creator_info", "branded_private", "unknown_field"]


def test_the_slash_the_media_type_and_the_bearer_count(demo: Client, control: Control) -> None:
    path = "/v2/post/publish/creator_info/query/"
    assert demo.call(path.rstrip("/")).status_code == 404
    assert demo.call(path, {}, **{"Content-Type": "text/plain"}).status_code == 400
    assert code(demo.call(path, Authorization=demo.access)) == "access_token_invalid"
    assert code(demo.call(path, Authorization="Bearer act.unknown")) == "access_token_invalid"
    assert demo.http.get(path).status_code == 405
    assert rules(control) == ["no_trailing_slash", "not_json", "wrong_method"]


def test_another_creators_post_is_nobodys_business(demo: Client, public: Client) -> None:
    publish_id = demo.init(1000).json()["data"]["publish_id"]
    assert code(public.status(publish_id)) == "token_not_authorized_for_specified_publish_id"
    assert code(public.status("v_pub_file~v2-1.1")) == "invalid_publish_id"
    assert code(demo.call("/v2/post/publish/cancel/", {"publish_id": publish_id})) == "publish_not_cancellable"


def test_user_info_and_the_list_of_public_posts(public: Client, film: bytes) -> None:
    bearer = {"Authorization": f"Bearer {public.access}"}
    user = public.http.get("/v2/user/info/", params={"fields": "open_id,username"}, headers=bearer).json()["data"][
        "user"
    ]
    assert user == {"open_id": public.grant["open_id"], "username": "airdate_public"}
    assert code(public.http.get("/v2/user/info/", headers=bearer)) == "invalid_params"
    publish_id = public.post(film, privacy_level="PUBLIC_TO_EVERYONE", title="seen by all")
    public.post(film, privacy_level="SELF_ONLY")
    listed = public.call("/v2/video/list/?fields=id,title", {"max_count": 20}).json()["data"]
    [post_id] = public.data(publish_id)["publicaly_available_post_id"]
    assert listed["videos"] == [{"id": str(post_id), "title": "seen by all"}]


def test_no_secret_is_recorded(demo: Client, control: Control, film: bytes) -> None:
    demo.post(film)
    demo.refresh()
    record = str(control.calls()) + str(control.broken()) + str(control.posts())
    for secret in (demo.access, demo.refresh_token, demo.grant["client_secret"], "upload_token="):
        assert secret not in record
    assert [call["call"] for call in control.calls()] == ["token", "creator_info", "init", "upload", "token"]

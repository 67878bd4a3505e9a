from __future__ import annotations

import pytest

from airdate.errors import NeedsPerson
from airdate.tiktok.hosts import check_upload_url

SECRET = "?upload_id=75&upload_token=1111-canary"


@pytest.mark.parametrize(
    "url",
    [
        "https://open-upload-i18n.tiktokapis.com/upload" + SECRET,
        "https://upload.us.tiktokapis.com/video/" + SECRET,
        "https://OPEN-upload.TikTokApis.com/video/?a=%7E%2f../b",
        "http://127.0.0.1:9001/upload" + SECRET,
        "http://sandbox:1/upload",
        "https://sandbox/upload",
        "http://secure/upload",
        "http://[::1]:7/upload",
    ],
)
def test_an_allowed_url_comes_back_byte_for_byte(url: str) -> None:
    assert check_upload_url(url, ("127.0.0.1:9001", "sandbox", "secure:80", "[::1]:7")) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://open-upload.tiktokapis.com/upload" + SECRET,
        "https://tiktokapis.com.evil.example/upload" + SECRET,
        "https://eviltiktokapis.com/upload" + SECRET,
        "https://user:pw@x.tiktokapis.com/upload" + SECRET,
        "https://evil.example\\@x.tiktokapis.com/upload" + SECRET,
        "https://evil.example#.tiktokapis.com/upload" + SECRET,
        "https://evil.example/.tiktokapis.com" + SECRET,
        "https://x.tiktokapis.com/up load" + SECRET,
        "https://x.tiktokapis.com/upload\r\nX: y" + SECRET,
        "https://x.tiktokapis.com:99999/" + SECRET,
        "https://[x.tiktokapis.com/" + SECRET,
        "http://127.0.0.1:9002/upload" + SECRET,
        "ftp://127.0.0.1:9001/upload" + SECRET,
        "file:///etc/passwd" + SECRET,
        "/upload" + SECRET,
        "",
    ],
)
def test_any_other_is_refused_and_its_query_not_shown(url: str) -> None:
    with pytest.raises(NeedsPerson) as refused:
        check_upload_url(url, ("127.0.0.1:9001",))
    assert refused.value.code == "upload_host_foreign"
    assert refused.value.fix
    assert "canary" not in str(refused.value)

"""A calendar row due soon and an approval delivered three times: each ends as exactly one post on TikTok."""

from __future__ import annotations

import csv
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from approval_making import make_body, sign
from up_driving import Up, eventually

pytestmark = pytest.mark.e2e


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def film_url(up: Up, demo_film: Path) -> Iterator[str]:
    """The film on a web server whose origin the operator has listed."""
    port = int(up.environment["AIRDATE_ALLOWED_ORIGINS"].rpartition(":")[2])
    with ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(demo_film.parent))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{port}/{demo_film.name}"
        server.shutdown()


def shown_posts(up: Up, caption: str) -> list[dict[str, Any]]:
    """What the local TikTok has published under this caption."""
    posts = httpx.get(f"{up.addresses['sandbox']['control']}/posts", trust_env=False).json()
    return [post for post in posts if caption in str(post) and post["state"] == "PUBLISH_COMPLETE"]


def published(up: Up, key_part: str) -> bool:
    return any(key_part in post["key"] and post["state"] == "published" for post in up.posts())


def test_a_calendar_row_due_soon_goes_out_once(up: Up, demo_film: Path, tmp_path: Path) -> None:
    name, caption = f"week-{uuid.uuid4().hex[:6]}", f"calendar {uuid.uuid4().hex[:8]}"
    slot = datetime.now(UTC) + timedelta(seconds=20)
    sheet = tmp_path / f"{name}.csv"
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "slot", "zone", "account", "source", "caption", "privacy"])
        writer.writerow(["monday", f"{slot:%Y-%m-%d %H:%M:%S}", "UTC", "demo", str(demo_film), caption, "SELF_ONLY"])
    for _ in range(2):
        assert up.airdate("calendar", "apply", str(sheet), "--json").returncode == 0
    eventually(lambda: published(up, f"{name}/monday"), within_s=150, what="the row is published")
    [post] = shown_posts(up, caption)
    assert datetime.now(UTC) >= slot
    names = [run["name"] for run in up.prefect("POST", "/flow_runs/filter", {})]
    assert len([name for name in names if caption in name]) == 1
    assert post["size"] > 0


def test_an_approval_delivered_three_times_goes_out_once(up: Up, film_url: str) -> None:
    caption, delivery = f"approved {uuid.uuid4().hex[:8]}", f"msg_{uuid.uuid4().hex}"
    body = make_body(asset_id=delivery, media=[{"url": film_url}], caption=caption)
    for _ in range(3):
        headers = sign(body, delivery, at=datetime.now(UTC), secret=up.environment["AIRDATE_WEBHOOK_SECRETS"])
        answer = httpx.post(
            f"{up.addresses['gateway']}/hooks/approvals", content=body, headers=headers, trust_env=False
        )
        assert answer.status_code == 200
    eventually(lambda: len(shown_posts(up, caption)) == 1, within_s=150, what="the approved film is published")
    names = [run["name"] for run in up.prefect("POST", "/flow_runs/filter", {})]
    assert len([name for name in names if caption in name]) == 1
    shown = partial(up.prefect, "POST", "/events/filter", {"filter": {"event": {"name": ["airdate.asset.approved"]}}})
    eventually(lambda: caption in str(shown()), within_s=30, what="the approval is in Prefect's event feed")
    assert len([event for event in shown()["events"] if caption in str(event)]) == 1

"""How long a creator may post: films are planned for it, TikTok's newer word counts, and nothing old refuses a film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airdate import decisions, steps
from airdate.clearance import OverLimit
from airdate.ledger import accounts, posts
from airdate.media.profile import Cover, Duration, Profile
from airdate.post import Mode, PostState
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings

from .support.staging import Stage, make_film, staged

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def stage(sandbox: RunningSandbox, settings: Settings) -> Iterator[Stage]:
    with staged(sandbox, settings) as stage:
        sandbox.control.settings(processing_seconds=0)
        stage.add_account()
        yield stage


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", seconds=6)


def limit(stage: Stage, seconds: int) -> None:
    stage.sandbox.control.settings(creators={"demo": {"max_video_post_duration_sec": seconds}})


def photos(folder: Path, *colours: str) -> list[Path]:
    paths = [folder / f"{colour}.png" for colour in colours]
    for path, colour in zip(paths, colours, strict=True):
        Image.new("RGB", (270, 480), colour).save(path)
    return paths


def taken_out(stage: Stage, film: Path, profile: Profile, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The steps with a profile of their own; the rendition, and what TikTok was told of the post."""
    post = stage.record(film, **options)
    with steps.hold(stage.engine, post.id) as lease:
        originals = steps.fetch(stage.engine, lease)
        rendition = steps.prepare(stage.engine, lease, originals, profile=profile)
        steps.publish(stage.engine, lease, rendition, steps.check(stage.engine, lease, rendition))
    [sent] = stage.sandbox.control.posts()
    return rendition, sent["options"]


def test_a_slideshow_is_made_again_for_a_limit_that_was_not_known(stage: Stage, tmp_path: Path) -> None:
    limit(stage, 5)
    post = stage.record(*photos(tmp_path, "red", "green", "blue"))
    post = steps.walk(stage.engine, post.id)
    assert post.state is PostState.PUBLISHED, post.error
    assert post.rendition is not None
    assert post.rendition["limit_s"] == 5
    assert 4.5 < post.rendition["duration_s"] <= 5
    assert any("keeps to 5 s" in reason for reason in post.rendition["reasons"])
    assert accounts.longest_post_s(stage.engine.ledger, "demo") == 5
    assert len(stage.complete()) == 1


def test_a_known_limit_is_asked_for_anew_where_it_would_refuse(stage: Stage, film: Path) -> None:
    limit(stage, 4)
    post = stage.publish(film)
    assert post.state is PostState.FAILED
    assert post.error is not None
    assert post.error["code"] == "duration_over_creator_limit"
    assert "6.00 s" in post.error["message"]
    assert "4 s" in post.error["message"]
    limit(stage, 60)
    decisions.retry(stage.engine, post.id, who="test")
    stage.published_once(steps.walk(stage.engine, post.id), film)


def test_a_film_is_cut_to_a_known_limit_where_that_is_the_policy(stage: Stage, film: Path) -> None:
    accounts.remember_creator(stage.engine.ledger, "demo", {"max_video_post_duration_sec": 600})
    limit(stage, 4)
    with pytest.raises(OverLimit) as caught:
        taken_out(stage, film, Profile(duration=Duration.TRIM))
    assert caught.value.limit_s == 4
    rendition, _ = taken_out(stage, film, Profile(duration=Duration.TRIM))
    assert rendition.duration_s == pytest.approx(4, abs=0.05)
    assert any("the first 4 s, which is what this creator may post" in reason for reason in rendition.reasons)


def test_a_draft_knows_no_limit_of_the_creator(stage: Stage, film: Path) -> None:
    accounts.remember_creator(stage.engine.ledger, "demo", {"max_video_post_duration_sec": 4})
    rendition, _ = taken_out(stage, film, Profile(), mode=Mode.INBOX, privacy=None, caption="")
    assert (rendition.duration_s, rendition.limit_s) == (pytest.approx(6, abs=0.05), 600)


def test_the_cover_that_was_found_is_told_unless_a_person_named_one(stage: Stage, film: Path) -> None:
    rendition, told = taken_out(stage, film, Profile(cover=Cover.MIDDLE))
    assert rendition.cover_ms == 3000
    assert told["video_cover_timestamp_ms"] == 3000
    assert rendition.reasons[-1] == "cover: the picture in the middle, at 3.00 s"


def test_a_cover_after_the_end_is_refused_before_init(stage: Stage, tmp_path: Path) -> None:
    post = steps.walk(stage.engine, stage.record(*photos(tmp_path, "red", "blue"), cover_ms=5500).id)
    assert post.error is not None
    assert (post.state, post.error["code"]) == (PostState.FAILED, "cover_after_end")
    assert "5500 ms is not before the film's end at 5500 ms" in post.error["message"]
    assert stage.sandbox.control.calls("init") == []
    assert posts.get(stage.engine.ledger, post.id).publish_id is None

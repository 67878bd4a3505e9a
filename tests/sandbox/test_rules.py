from __future__ import annotations

import pytest

from airdate.sandbox.rules import VIDEO_INFO, Chunks, Profile, utf16_units

STRICT, DECIMAL, BINARY = Profile.STRICT, Profile.DOCS_DECIMAL, Profile.DOCS_BINARY
SIZE, COUNT = "The chunk size is invalid", "The total chunk count is invalid"

GOOD = [
    (1, 1, 1, (0, 0)),
    (4_999_999, 4_999_999, 1, (0, 4_999_998)),
    (5_242_879, 5_242_879, 1, (0, 5_242_878)),
    (15_000_000, 15_000_000, 1, (0, 14_999_999)),
    (64_000_000, 64_000_000, 1, (0, 63_999_999)),
    (64_000_001, 10_666_666, 6, (53_333_330, 64_000_000)),
    (66_259_900, 11_043_316, 6, (55_216_580, 66_259_899)),
    (67_108_864, 11_184_810, 6, (55_924_050, 67_108_863)),
    (70_000_000, 10_000_000, 7, (60_000_000, 69_999_999)),
    (127_315_531, 10_609_627, 12, (116_705_897, 127_315_530)),
    (158_008_374, 10_533_891, 15, (147_474_474, 158_008_373)),
    (158_008_374, 5_242_880, 30, (152_043_520, 158_008_373)),
    (127_315_531, 63_657_765, 2, (63_657_765, 127_315_530)),
    (4_000_000_000, 10_000_000, 400, (3_990_000_000, 3_999_999_999)),
]


@pytest.mark.parametrize(("size", "chunk", "count", "last"), GOOD)
def test_plans_that_the_real_server_takes(size: int, chunk: int, count: int, last: tuple[int, int]) -> None:
    chunks = Chunks(size, chunk, count)
    assert chunks.refusal(STRICT) is None
    assert chunks.range_from(last[0]) == last
    firsts = [index * chunk for index in range(count)]
    ranges = [chunks.range_from(first) for first in firsts]
    assert sum(end + 1 - begin for begin, end in ranges if ranges) == size
    assert chunks.range_from(last[0] + 1) is None or chunk == 1


@pytest.mark.parametrize(
    ("size", "chunk", "count", "words"),
    [
        (94_000_000, 67_108_864, 1, SIZE),
        (127_315_531, 67_108_864, 2, COUNT),
        (127_315_531, 67_108_864, 1, SIZE),
        (66_259_900, 66_259_900, 1, SIZE),
        (158_008_374, 158_008_374, 1, SIZE),
        (15_000_000, 10_000_000, 1, SIZE),
        (6_000_000, 5_000_000, 2, COUNT),
        (3_000_000, 5_000_000, 1, COUNT),
        (70_000_000, 1_000_000, 70, SIZE),
        (5_000, 5_000, 0, COUNT),
        (70_000_000, 0, 1, SIZE),
        (70_000_000, -1, 1, SIZE),
        (0, 1, 0, "The video size is invalid"),
        (4_000_000_001, 10_000_000, 400, "The video size is invalid"),
    ],
)
def test_plans_that_a_strict_server_refuses(size: int, chunk: int, count: int, words: str) -> None:
    assert Chunks(size, chunk, count).refusal(STRICT) == words


@pytest.mark.parametrize(
    ("plan", "decimal", "binary"),
    [
        ((15_000_000, 10_000_000, 1), None, None),
        ((66_259_900, 66_259_900, 1), SIZE, None),
        ((12_000_000, 5_000_000, 2), None, SIZE),
        ((5_100_000, 5_100_000, 1), None, None),
        ((130_000_000, 64_500_000, 2), SIZE, None),
        ((50_000_123, 10_000_000, 5), None, None),
        ((4_194_304, 4_194_304, 1), None, None),
        ((4_194_304, 4_000_000, 1), SIZE, SIZE),
        ((94_000_000, 67_108_864, 1), SIZE, SIZE),
        ((70_000_000, 10_000_000, 8), COUNT, COUNT),
    ],
)
def test_the_pages_read_with_either_megabyte(
    plan: tuple[int, int, int], decimal: str | None, binary: str | None
) -> None:
    assert Chunks(*plan).refusal(DECIMAL) == decimal
    assert Chunks(*plan).refusal(BINARY) == binary


def test_captions_are_counted_as_tiktok_counts() -> None:
    assert utf16_units("a👍é") == 4
    assert VIDEO_INFO.takes({"title": "👍" * 1100})
    assert not VIDEO_INFO.takes({"title": "👍" * 1100 + "a"})


@pytest.mark.parametrize(
    "info", [{}, None, [], {"title": 1}, {"is_aigc": 1}, {"video_cover_timestamp_ms": True}, {"title": "\ud83d"}]
)
def test_what_is_no_post_info(info: object) -> None:
    assert not VIDEO_INFO.takes(info)

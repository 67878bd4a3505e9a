from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airdate.errors import Refused
from airdate.tiktok.chunks import LARGEST_LAST, LARGEST_SINGLE, MOST_CHUNKS, SMALLEST_CHUNK, ChunkPlan

SIZES = st.integers(1, 4_000_000_000)


@pytest.mark.parametrize(
    ("size", "chunk_size", "count", "last"),
    [
        (1, 1, 1, (0, 0)),
        (4_999_999, 4_999_999, 1, (0, 4_999_998)),
        (5_242_879, 5_242_879, 1, (0, 5_242_878)),
        (15_000_000, 15_000_000, 1, (0, 14_999_999)),
        (64_000_000, 64_000_000, 1, (0, 63_999_999)),
        (64_000_001, 10_666_666, 6, (53_333_330, 64_000_000)),
        (66_259_900, 11_043_316, 6, (55_216_580, 66_259_899)),
        (67_108_864, 11_184_810, 6, (67_108_864 - 11_184_814, 67_108_863)),
        (70_000_000, 10_000_000, 7, (60_000_000, 69_999_999)),
        (127_315_531, 10_609_627, 12, (116_705_897, 127_315_530)),
        (158_008_374, 10_533_891, 15, (158_008_374 - 10_533_900, 158_008_373)),
        (4_000_000_000, 10_000_000, 400, (3_990_000_000, 3_999_999_999)),
    ],
)
def test_the_known_plans(size: int, chunk_size: int, count: int, last: tuple[int, int]) -> None:
    plan = ChunkPlan.for_size(size)
    assert (plan.chunk_size, plan.count, plan.range_of(count - 1)) == (chunk_size, count, last)


@given(SIZES)
def test_every_reading_of_the_rules_is_kept(size: int) -> None:
    plan = ChunkPlan.for_size(size)
    first, last = plan.range_of(plan.count - 1)
    assert plan.count == size // plan.chunk_size
    assert plan.count <= MOST_CHUNKS
    assert last == size - 1
    assert last + 1 - first <= LARGEST_SINGLE < LARGEST_LAST
    if plan.count == 1:
        assert plan.chunk_size == size <= LARGEST_SINGLE
    else:
        assert SMALLEST_CHUNK <= plan.chunk_size <= LARGEST_SINGLE


@given(SIZES, st.data())
def test_ranges_join_and_chunk_at_finds_them(size: int, data: st.DataObject) -> None:
    plan = ChunkPlan.for_size(size)
    index = data.draw(st.integers(0, plan.count - 1))
    first, last = plan.range_of(index)
    assert plan.chunk_at(first) == plan.chunk_at(last) == index
    if index:
        assert plan.range_of(index - 1)[1] == first - 1


@given(st.integers(2, 4_000_000_000), st.data())
def test_progress_may_be_a_count_or_the_last_index(size: int, data: st.DataObject) -> None:
    plan = ChunkPlan.for_size(size)
    index = data.draw(st.integers(0, plan.count - 1))
    last = plan.range_of(index)[1]
    assert plan.next_chunk(last) == plan.next_chunk(last + 1) == index + 1
    assert plan.next_chunk(0) == 0


def test_from_the_middle_of_a_chunk_the_whole_chunk_is_next() -> None:
    plan = ChunkPlan(100, 10, 10)
    assert [plan.next_chunk(n) for n in (1, 5, 8, 9, 10, 11, 15, 98, 99, 100, 200)] == [
        0, 0, 0, 1, 1, 1, 1, 9, 10, 10, 10,
    ]  # fmt: skip
    assert [ChunkPlan(1, 1, 1).next_chunk(n) for n in (0, 1)] == [0, 1]


@pytest.mark.parametrize("size", [0, -1, 4_000_000_001])
def test_what_tiktok_would_not_take_has_no_plan(size: int) -> None:
    with pytest.raises(Refused) as refused:
        ChunkPlan.for_size(size)
    assert refused.value.fix


def test_outside_the_film_there_is_no_chunk() -> None:
    plan = ChunkPlan.for_size(70_000_000)
    for outside in (plan.count, -1):
        with pytest.raises(IndexError):
            plan.range_of(outside)
    for outside in (plan.size, -1):
        with pytest.raises(IndexError):
            plan.chunk_at(outside)

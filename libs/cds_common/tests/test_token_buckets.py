from cds_common.token_buckets import TokenBuckets, retry_after


def test_buckets_refill_with_time_and_forget_nothing_that_is_in_use() -> None:
    clock = [0.0]
    buckets = TokenBuckets(per_second=2, burst=3, clock=lambda: clock[0])
    assert [buckets.wait_for("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.wait_for("b") == 0
    assert buckets.wait_for("a", cost=0) == 0.5
    clock[0] = 0.5
    assert [buckets.wait_for("a", cost=0), buckets.wait_for("a"), buckets.wait_for("a")] == [0, 0, 0.5]


def test_a_rate_of_nothing_is_no_limit() -> None:
    buckets = TokenBuckets(per_second=0, burst=0)
    assert [buckets.wait_for("a") for _ in range(9)] == [0] * 9


def test_the_header_names_whole_seconds() -> None:
    assert [retry_after(wait)["Retry-After"] for wait in (0.01, 1.0, 1.2)] == ["1", "1", "2"]

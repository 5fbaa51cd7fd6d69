"""Small rules of the core: parameters, limits, ids."""

import time

import pytest

from cds_auth.application.parameters import Parameters, Repeated
from cds_auth.application.rate_limit import AuthenticationLimits, RateLimiter, TooManyRequests
from cds_auth.domain.token import credential_tag, new_token_id


class TestParameters:
    def test_empty_counts_as_absent_also_beside_a_value(self) -> None:
        sent = Parameters([("a", ""), ("a", "1"), ("b", "")])
        assert (sent.one("a"), sent.one("b"), sent.one("c")) == ("1", None, None)
        assert sent.single() == {"a": "1"}

    def test_repeated_is_refused(self) -> None:
        sent = Parameters([("a", "1"), ("a", "1")])
        for read in (sent.single, lambda: sent.one("a")):
            with pytest.raises(Repeated):
                read()


class TestRateLimiter:
    @pytest.mark.req("WG102-292")
    def test_one_key_runs_dry_alone_and_refills(self) -> None:
        limiter = RateLimiter(per_second=50, burst=3)
        for _ in range(3):
            limiter.take("a")
        with pytest.raises(TooManyRequests) as refused:
            limiter.take("a")
        assert refused.value.headers["Retry-After"] == "1"
        limiter.take("b")
        time.sleep(0.03)
        limiter.take("a")

    def test_address_that_guesses_many_clients_is_stopped(self) -> None:
        limits = AuthenticationLimits(2)
        for number in range(20):
            limits.failed(f"client-{number}", "192.0.2.1")
        with pytest.raises(TooManyRequests):
            limits.check("client-99", "192.0.2.1")
        limits.check("client-1", "192.0.2.2")


def test_token_id_names_credential_and_family_without_dots_inside() -> None:
    tag = credential_tag("a.b.c/∂")
    parts = new_token_id(tag, "family").split(".")
    assert (parts[0], parts[1], len(parts)) == (tag, "family", 3)
    assert new_token_id(tag, None).split(".")[1] == "-"

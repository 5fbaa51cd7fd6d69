"""Policy, form tokens and template settings of pages."""

import pytest
from jinja2 import UndefinedError

from cds_common.html import check_csrf, content_policy, csrf_token, origin_of, page_environment, page_headers
from libs.cds_common.tests.conftest import sample_settings

KEY = b"k" * 32


def test_policy_allows_nothing_inline_and_one_form_target() -> None:
    policy = content_policy(form_actions=[origin_of("https://app.example:8443/callback?x=1")])
    assert "form-action 'self' https://app.example:8443;" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("com.example.app:/cb", "com.example.app:"),
        ("http://localhost:3000/cb", "http://localhost:3000"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_target_of_a_form_is_an_origin_or_a_scheme(uri: str, source: str) -> None:
    assert origin_of(uri) == source


@pytest.mark.parametrize(
    "uri", ["https://a; script-src *", "//host", "no scheme", "https://user@host/", "https://a b/", "https://é.example/", "javascript*:x"]
)
def test_address_that_could_widen_the_policy_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="may lead"):
        origin_of(uri)
    with pytest.raises(ValueError, match="source"):
        content_policy(form_actions=[uri if ";" in uri or " " in uri else "a b"])


def test_strict_transport_is_promised_over_https_only() -> None:
    assert "Strict-Transport-Security" not in page_headers(sample_settings())
    headers = page_headers(sample_settings(public_url="https://utility.example"))
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Cache-Control"] == "no-store"


def test_form_token_is_good_for_its_session_only() -> None:
    token = csrf_token(KEY, "session-1")
    assert check_csrf(KEY, "session-1", token)
    assert csrf_token(KEY, "session-1") != token
    for session, given in [
        ("session-2", token),
        ("session-1", token[:-1] + ("0" if token[-1] != "0" else "1")),
        ("session-1", None),
        ("session-1", ""),
        ("session-1", "é.é"),
    ]:
        assert not check_csrf(KEY, session, given)
    assert not check_csrf(b"o" * 32, "session-1", token)


def test_templates_escape_and_miss_nothing_in_silence() -> None:
    pages = page_environment("cds_common", "testing")
    assert pages.from_string("<p>{{ name }}</p>").render(name="<script>") == "<p>&lt;script&gt;</p>"
    with pytest.raises(UndefinedError):
        pages.from_string("{{ missing }}").render()

"""What of an update counts at once and what waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cds_registry.domain.client import Client, ClientMetadata, ClientStatus
from cds_registry.domain.purposes import Purpose
from cds_registry.domain.review import apply_change, hold_back
from cds_registry.domain.scopes import ScopeKind

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
ALL = frozenset({"client_name", "client_uri", "cds_purposes"})
OLD = Purpose("p-1", "Old", "Old text", None, None, ("usage",), reviewed=True)
NEW = Purpose("p-2", "New", "New text", None, None, ("usage",))
DEFAULT = Purpose("d", "Default", "Server's text", None, None, ("usage",), default=True, reviewed=True)


def a_client(**members: Any) -> Client:
    client = Client(
        client_id="c", registration_id="r", version=1, kind=ScopeKind.CONSENT, environment="production", status=ClientStatus.PRODUCTION,
        status_options=(ClientStatus.PRODUCTION, ClientStatus.DISABLED), registered_scopes=("usage",), scopes=("usage",),
        response_types=("code",), grant_types=("authorization_code",), auth_method="client_secret_basic", created=NOW, modified=NOW,
        metadata=ClientMetadata(client_name="Kestrel", client_uri="https://a.example"), purposes=(OLD,), client_uri_verified=True,
    )  # fmt: skip
    return replace(client, **members)


def later(client: Client, **changes: Any) -> Client:
    return client.changed(NOW + timedelta(seconds=1), **changes)


def test_reviewed_members_wait_and_the_others_count_at_once() -> None:
    before = a_client()
    metadata = replace(before.metadata, client_name="Other", client_uri="https://b.example", tos_uri="https://a.example/tos")
    kept, held = hold_back(before, later(before, metadata=metadata), fields=ALL, defaults=(DEFAULT,))
    assert {change.field: (change.previous, change.new) for change in held} == {
        "client_name": ("Kestrel", "Other"), "client_uri": ("https://a.example", "https://b.example"),
    }  # fmt: skip
    assert kept.metadata == replace(before.metadata, tos_uri="https://a.example/tos")
    assert kept.client_uri_verified
    assert kept.modified > before.modified


def test_an_update_of_reviewed_members_alone_leaves_the_object_as_it_is() -> None:
    before = a_client()
    kept, held = hold_back(before, later(before, purposes=(OLD, NEW)), fields=ALL, defaults=(DEFAULT,))
    assert kept is before
    assert set(held[0].new) == {"d", "p-1", "p-2"}
    assert set(held[0].previous) == {"d", "p-1"}


def test_removing_is_never_reviewed_and_a_changed_text_is() -> None:
    before = a_client(purposes=(OLD, NEW))
    changed = replace(OLD, content="Changed")
    kept, held = hold_back(before, later(before, purposes=(changed,)), fields=ALL, defaults=())
    assert kept.purposes == (OLD,)
    assert held[0].new["p-1"]["content"] == "Changed"


def test_an_approved_change_is_applied_to_what_the_object_is_then() -> None:
    before = a_client()
    _, held = hold_back(before, later(before, purposes=(replace(OLD, content="Changed"), NEW)), fields=ALL, defaults=(DEFAULT,))
    meanwhile = later(before, purposes=())
    after = apply_change(meanwhile, held[0].document(), default_ids=frozenset({"d"}), now=NOW)
    assert [(each.id, each.content, each.reviewed) for each in after.purposes] == [("p-1", "Changed", True), ("p-2", "New text", True)]
    website = {"field": "client_uri", "previous_value": "https://a.example", "new_value": "https://b.example"}
    after = apply_change(before, website, default_ids=frozenset(), now=NOW)
    assert (after.metadata.client_uri, after.client_uri_verified) == ("https://b.example", False)


def test_versions_outlive_a_lost_transaction() -> None:
    before = a_client()
    lost, again = later(before), before.changed(NOW + timedelta(seconds=2))
    assert before.version < lost.version < again.version
    assert before.changed(NOW - timedelta(days=9)).modified == before.modified

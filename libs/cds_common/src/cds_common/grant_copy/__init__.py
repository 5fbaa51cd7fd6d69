"""The copy of Grants and entitlements that every data service keeps, and what a token opens by it (design §3, §4)."""

from cds_common.grant_copy.access import Access
from cds_common.grant_copy.access_log import AccessLogPublisher, find_broken_link, log_access
from cds_common.grant_copy.apply import apply_entitlements, apply_grant, drop_entitlements
from cds_common.grant_copy.entry import KINDS, Kind, OpenEntry, Sets
from cds_common.grant_copy.load import Peers, load_access
from cds_common.grant_copy.merge import merge_parts, split_parts
from cds_common.grant_copy.peers import GrantPeers, GrantReader
from cds_common.grant_copy.readiness import answer_readiness, mark_answered, ready_grant
from cds_common.grant_copy.tables import (
    TABLES,
    GrantCopyTables,
    add_answers_v3,
    add_shown_programs_v2,
    create_grant_copy_tables_v1,
    drop_answers_v3,
    drop_grant_copy_tables_v1,
    drop_shown_programs_v2,
    grant_copy_tables,
)
from cds_common.grant_news import apply_heartbeats

__all__ = [
    "KINDS", "TABLES", "Access", "AccessLogPublisher", "GrantCopyTables", "GrantPeers", "GrantReader", "Kind", "OpenEntry", "Peers",
    "Sets", "add_answers_v3", "add_shown_programs_v2", "answer_readiness", "apply_entitlements", "apply_grant", "apply_heartbeats",
    "create_grant_copy_tables_v1", "drop_answers_v3", "drop_entitlements", "drop_grant_copy_tables_v1", "drop_shown_programs_v2",
    "find_broken_link", "grant_copy_tables", "load_access", "log_access", "mark_answered", "merge_parts", "ready_grant", "split_parts",
]  # fmt: skip

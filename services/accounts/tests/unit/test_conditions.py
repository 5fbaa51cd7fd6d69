"""Statements are compiled once per shape; a value must never stay in one."""

import pytest
from sqlalchemy import Integer, bindparam, literal, select

from cds_accounts.persistence.conditions import contains, one_of
from cds_common.grant_copy import Access, OpenEntry
from cds_common.hot_sql import CompiledStatements


def an_access(*flags: frozenset[str]) -> Access:
    entries = tuple(
        OpenEntry(
            slot, "g1", slot, "s", "cds_accounts", given, None, None, None, None, None, None, None, None, (), (), (), frozenset(),
            frozenset(), frozenset(), sections_by_account=False, shown_account_programs=None, shown_service_programs=None,
        )
        for slot, given in enumerate(flags)
    )  # fmt: skip
    return Access("sandbox", "client", "registration", "token", ("g1",), entries)


def test_a_value_that_has_no_name_is_refused() -> None:
    with pytest.raises(LookupError):
        CompiledStatements().get("key", {}, lambda: select(literal(7, Integer)))


def test_a_shape_is_built_once() -> None:
    statements, built = CompiledStatements(), list[int]()

    def build() -> object:
        built.append(1)
        return select(bindparam("one", type_=Integer))

    first = statements.get("key", {"one": 1}, build)  # type: ignore[arg-type]
    assert statements.get("key", {"one": 2}, build) is first  # type: ignore[arg-type]
    assert built == [1]
    assert first.names == ("one",)


def test_the_shape_depends_on_what_hides_the_field_and_not_on_the_values() -> None:
    number = frozenset({"include_account_numbers"})
    conditions = [one_of("account_numbers", "account_number", [value], "include_account_numbers") for value in ("a", "b")]
    for access in (an_access(number), an_access(number, frozenset()), an_access(frozenset())):
        assert conditions[0].key(access) == conditions[1].key(access)
    keys = {conditions[0].key(access) for access in (an_access(number), an_access(number, frozenset()), an_access(frozenset()))}
    assert len(keys) == 3
    assert conditions[0].parameters(an_access(frozenset(), number)) == {"account_numbers": ["a"], "having_include_account_numbers": [1]}


def test_a_search_binds_the_term_once() -> None:
    found = contains("Main", (("object_id", None), ("account_name", "include_account_details")))
    assert found.parameters(an_access(frozenset())) == {"q": "Main", "having_include_account_details": []}

"""Value Sets as JSON: exact digits, gaps as nulls, cuts on the grid."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_usage.domain.day_block import DayBlock
from cds_usage.domain.fragments import Grid, Piece, column_cells, decimal_text, fragment, value_rows


@pytest.mark.req("WG3D-022")
@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (100, 1, "10.0"), (0, 2, "0.00"), (-5, 3, "-0.005"), (-1234, 2, "-12.34"), (7, 0, "7"), (10**18, 12, "1000000.000000000000"),
        (1, 12, "0.000000000001"),
    ],
)  # fmt: skip
def test_a_value_keeps_exactly_its_digits(value: int, decimals: int, text: str) -> None:
    assert decimal_text(value, decimals) == text


def a_block(*values: int | None, qualities: list[int] | None = None) -> DayBlock:
    count = len(values)
    return DayBlock(900, 0, list(values), [1] * count, qualities or [0] * count, [1] * count)


def test_a_meter_reading_is_a_string() -> None:
    assert fragment(column_cells(a_block(12345), "meter_readings")) == b'[{"r":"1234.5"}]'


def test_a_column_of_one_quality_has_null_where_the_quality_differs() -> None:
    assert fragment(column_cells(a_block(1, 2, None, qualities=[0, 7, 7]), "water_usage", {7})) == b'[null],[{"wu":0.2}],[null]'


def rows(grid: Grid, *columns: list[Piece]) -> list[list[object]]:
    return json.loads(b"[" + b",".join(value_rows(grid, columns)) + b"]", parse_float=str)


def piece(first: int, *values: int | None) -> Piece:
    return Piece(first * 900, len(values), fragment(column_cells(a_block(*values), "electric_usage")))


@pytest.mark.req("WG3D-178", "WG3D-184")
def test_gaps_become_rows_of_null() -> None:
    grid = Grid(0, 6 * 900, 900)
    assert rows(grid, [piece(1, 10), piece(4, 20)]) == [[None], [{"eu": "1.0"}], [None], [None], [{"eu": "2.0"}], [None]]


def test_pieces_are_cut_to_the_grid() -> None:
    grid = Grid(2 * 900, 4 * 900, 900)
    assert rows(grid, [piece(0, 1, 2, 3, 4, 5, 6)]) == [[{"eu": "0.3"}], [{"eu": "0.4"}]]


@pytest.mark.req("WG3D-184")
def test_columns_are_laid_side_by_side() -> None:
    grid = Grid(0, 3 * 900, 900)
    assert rows(grid, [piece(0, 1, None, 3)], [piece(1, 5)]) == [[{"eu": "0.1"}, None], [None, {"eu": "0.5"}], [{"eu": "0.3"}, None]]


def test_without_columns_there_are_no_rows() -> None:
    assert rows(Grid(0, 900, 900)) == []


@given(st.lists(st.none() | st.integers(-(10**18), 10**18), min_size=1, max_size=50), st.integers(0, 12))
def test_days_with_one_number_of_digits_are_written_like_any_other(values: list[int | None], decimals: int) -> None:
    count = len(values)
    block = DayBlock(900, 0, values, [decimals] * count, [0] * count, [1] * count)
    cells = [None if cell == "null" else json.loads(cell, parse_float=Decimal)["eu"] for cell in column_cells(block, "electric_usage")]
    assert cells == [None if value is None else Decimal(value).scaleb(-decimals) for value in values]
    assert all(
        cell == "null" or len(cell.partition(".")[2]) == (decimals + 1 if decimals else 0) for cell in column_cells(block, "electric_usage")
    )

"""Which types, in a Parquet file that somebody else wrote, can stand for a contract's.

Any integer width and any time unit with a zone is fine, text may be dictionary-encoded, whole numbers may be floats
(pandas writes integers with nulls so), and a column that its writer gave no type, since all of its values are null, is
a column of nulls: each row is judged by itself. A naive time or a number as text is schema drift.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

#: What a drift report says it expected, by the contract's type.
_WORDS: dict[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Datetime: "timestamp with a time zone",
    pl.Boolean: "boolean",
    pl.Int64: "integer",
    pl.Float64: "number",
}


def can_stand_for(stored: pa.DataType, dtype: pl.DataType) -> bool:
    """Whether values of a stored type are values of a contract's type."""
    if pa.types.is_null(stored):
        return True
    match dtype:
        case pl.String():
            return is_text(stored.value_type if pa.types.is_dictionary(stored) else stored)
        case pl.Datetime():
            return bool(pa.types.is_timestamp(stored)) and stored.tz is not None
        case pl.Boolean():
            return bool(pa.types.is_boolean(stored))
        case pl.Int64():
            return _is_number(stored)
        case pl.Float64():
            return _is_number(stored) or bool(pa.types.is_decimal(stored))
        case _:
            raise NotImplementedError(f"no file of others has a column of {dtype}")


def is_text(stored: pa.DataType) -> bool:
    """Whether a type holds strings, in any of Arrow's layouts."""
    return bool(pa.types.is_string(stored) or pa.types.is_large_string(stored) or pa.types.is_string_view(stored))


def _is_number(stored: pa.DataType) -> bool:
    return bool(pa.types.is_integer(stored) or pa.types.is_floating(stored))


def expected(dtype: pl.DataType) -> str:
    """A contract's type in words."""
    return _WORDS[type(dtype)]

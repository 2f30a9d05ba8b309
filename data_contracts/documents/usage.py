"""What a published night's requests used, by language: what later nights' estimates learn from."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import InvocationType


class LanguageUsage(BaseModel):
    """Sums over the requests for comments of one language, all of them asked once.

    Attributes:
        language: ISO 639-1 code.
        record_count: requests.
        text_bytes: bytes of the escaped comments inside their lines.
        input_tokens: tokens read.
        output_tokens: tokens written.
        squared_bytes: sum of the squares of a request's `text_bytes`.
        bytes_times_tokens: sum of a request's `text_bytes` times its `input_tokens`; both tell the constant part of a
            request from what a byte of a comment adds.
    """

    model_config = ConfigDict(frozen=True)

    language: str
    record_count: int
    text_bytes: int
    input_tokens: int
    output_tokens: int
    squared_bytes: int
    bytes_times_tokens: int


class NightUsage(BaseModel):
    """The sums of one published day, and what they hold for: the same model, asked in the same way."""

    model_config = ConfigDict(frozen=True)

    run_date: date
    model_id: str
    invocation_type: InvocationType
    prompt_sha256: str
    languages: tuple[LanguageUsage, ...]

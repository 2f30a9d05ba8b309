"""A prompt of the catalog, or an error of ours."""

from __future__ import annotations

import prompts
from prompts import Prompt, PromptFileError
from tasks.base.errors import PromptInvalid


def load_prompt(name: str, version: str) -> Prompt:
    """A version of a prompt.

    Raises:
        PromptInvalid: if the catalog does not have it or its file is broken.
    """
    try:
        return prompts.load(name, version)
    except PromptFileError as error:
        raise PromptInvalid(str(error)) from error

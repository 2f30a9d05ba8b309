"""The prompt that the settings name."""

from __future__ import annotations

import prompts
from prompts import Prompt, PromptFileError
from tasks.base.errors import PromptInvalid
from tasks.base.settings import Settings


def load_prompt(settings: Settings) -> Prompt:
    """The prompt that the settings name.

    Raises:
        PromptInvalid: if the catalog does not have it or its file is broken.
    """
    try:
        return prompts.load(settings.prompt, settings.prompt_version)
    except PromptFileError as error:
        raise PromptInvalid(str(error)) from error

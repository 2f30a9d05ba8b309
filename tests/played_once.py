"""A site in a folder that is played once for all tests of a module; each test gets it as it was then."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

from tests.fakes import FakeBedrock


class PlayedOnce:
    """What is kept of a played site: its folder, and what its Bedrock knows."""

    def __init__(self, root: Path, bedrock: FakeBedrock) -> None:
        self.root, self._kept = root, root.with_name(f"{root.name}-kept")
        shutil.copytree(root, self._kept)
        self._known = self._known_to(bedrock)

    def bring_back(self, bedrock: FakeBedrock) -> None:
        """Fill the folder as it was, at its own place, which its objects name; and tell a new Bedrock what it knew."""
        shutil.rmtree(self.root)
        shutil.copytree(self._kept, self.root)
        vars(bedrock).update(copy.deepcopy(self._known))

    def _known_to(self, bedrock: FakeBedrock) -> dict[str, Any]:
        return copy.deepcopy({name: value for name, value in vars(bedrock).items() if name != "_storage"})

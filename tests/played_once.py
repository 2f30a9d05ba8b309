"""A site that is played once for all tests of a module, in a folder or in a sandbox; each gets it as it was then."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

from sandbox.serve import BUCKETS, Sandbox
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


class PlayedInSandbox:
    """What is kept of a site that was played in a sandbox: its objects, and its Bedrock's jobs."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._objects: list[tuple[str, str, bytes]] = []
        for bucket in BUCKETS:
            for page in sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for key in (item["Key"] for item in page.get("Contents", ())):
                    body = sandbox.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                    self._objects.append((bucket, key, body))
        self._jobs = sandbox.bedrock.store.dump()

    def bring_back(self, sandbox: Sandbox) -> None:
        """Fill a fresh sandbox with all of it."""
        for bucket, key, body in self._objects:
            sandbox.s3.put_object(Bucket=bucket, Key=key, Body=body)
        sandbox.bedrock.store.load(self._jobs)

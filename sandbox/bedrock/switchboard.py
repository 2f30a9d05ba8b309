"""The faults that are switched on, and which call, job or record meets which."""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from sandbox.bedrock.faults import FAULTS, read_value

Value = str | float | bool


class _Setting(NamedTuple):
    text: str
    limit: int | None  # None: as often as it comes


class Faults:
    """The faults that are switched on. Thread-safe."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._lock = threading.Lock()
        self._on: dict[str, _Setting] = {}
        self._used: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    def set(self, name: str, value: Value = True) -> None:
        """Switch a fault on (``False`` switches it off); its count starts anew.

        Raises:
            UnknownFault: for a name or a value that the table does not have.
        """
        text, limit = read_value(name, value)
        with self._lock:
            self._on.pop(name, None)
            if text != "False":
                self._on[name] = _Setting(text, limit)
            self._used.pop(name, None)
            for key in [key for key in self._seen if key.startswith(f"{name}/")]:
                del self._seen[key]

    def reset(self) -> None:
        """Switch every fault off."""
        with self._lock:
            self._on.clear()
            self._used.clear()
            self._seen.clear()

    def setting(self, name: str) -> str | None:
        """The value of a fault that describes a state, not an event."""
        with self._lock:
            fault = self._on.get(name)
            return fault.text if fault else None

    def strikes(self, name: str, operation: str = "") -> bool:
        """Whether this call meets the fault; the call is counted against its limit."""
        with self._lock:
            fault = self._on.get(name)
            if fault is None or (fault.limit is not None and self._used[name] >= fault.limit):
                return False
            target, _, amount = fault.text.rpartition(":")
            if name == "unavailable":
                struck = operation in fault.text.split(",")
            elif target and target != operation:
                struck = False
            else:
                self._seen[f"{name}/{operation if target else ''}"] += 1
                number = self._seen[f"{name}/{operation if target else ''}"]
                struck = _amount_covers(amount, number, _share(self.seed, name, operation, str(number)))
            self._used[name] += struck
            return struck

    def for_job(self, job_name: str) -> "JobFaults":
        """The faults that a new job carries for life; it is counted against their limits."""
        with self._lock:
            carried = {}
            for name, setting in self._on.items():
                if FAULTS[name].scope not in ("job", "line", "answer"):
                    continue
                if setting.limit is None or self._used[name] < setting.limit:
                    self._used[name] += 1
                    carried[name] = setting.text
            return JobFaults(carried, self.seed, job_name)

    def of_call(self, key: str) -> str | None:
        """The fault, if any, that the answer of an on-demand call meets.

        Calls are not counted against a limit of jobs: the fault strikes them until jobs have used it up. The same
        request may meet another fault the next time.
        """
        with self._lock:
            answer_faults = [(name, setting) for name, setting in self._on.items() if FAULTS[name].scope == "answer"]
            if answer_faults:
                self._seen[f"call/{key}"] += 1
            for name, setting in answer_faults:
                if setting.limit is not None and self._used[name] >= setting.limit:
                    continue
                place = _share(self.seed, name, key, str(self._seen[f"call/{key}"]))
                if _amount_covers(setting.text, self._seen[f"{name}/"] + 1, place):
                    self._seen[f"{name}/"] += 1
                    return name
            return None


class JobFaults:
    """The faults of one job, fixed when it is created."""

    def __init__(self, carried: Mapping[str, str], seed: int = 0, job_name: str = "") -> None:
        self._carried = dict(carried)
        self._seed = seed
        self._job_name = job_name
        self._record_faults = [name for name in FAULTS if name in carried and FAULTS[name].scope in ("line", "answer")]
        self._taken: Counter[str] = Counter()

    def get(self, name: str) -> str | None:
        """The value of a fault that the job carries, or None."""
        return self._carried.get(name)

    def of_record(self, record_id: str) -> str | None:
        """The one fault, if any, that this record meets: counts go to the first records, shares by hash."""
        for name in self._record_faults:
            place = _share(self._seed, name, self._job_name, record_id)
            if _amount_covers(self._carried[name], self._taken[name] + 1, place):
                self._taken[name] += 1
                return name
        return None

    def chance(self, *parts: str) -> float:
        """A number in [0, 1) that depends on nothing but the seed, the job and the parts."""
        return _share(self._seed, self._job_name, *parts)


def _amount_covers(amount: str, number: int, share: float) -> bool:
    """Whether the ``number``-th of a kind is within a count, or its place in [0, 1) within a share."""
    if not amount.replace(".", "", 1).isdigit():  # a word: it is on, and that is all
        return True
    return share < float(amount) if "." in amount else number <= int(amount)


def _share(seed: int, *parts: str) -> float:
    digest = hashlib.blake2b("\x1f".join((str(seed), *parts)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64

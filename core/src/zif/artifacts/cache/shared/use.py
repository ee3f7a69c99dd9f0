"""A segment on its way out of a shared cache: whatever goes wrong there is told, and the artifact is made here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from zif.artifacts.cache.shared.lease import alone
from zif.artifacts.cache.shared.objects import Unreachable
from zif.artifacts.cache.shared.tier import Tier
from zif.artifacts.hashed import Damaged
from zif.errors import UsageError


@frozen
class Using:
    """One entry of a shared cache, by the hash of its key, and the folder of the user's own. tell: takes a sentence."""

    tier: Tier
    artifacts: Path
    limit: int
    name: str
    tell: Callable[[str], object]

    def fetched(self) -> bool:
        """Whether the entry came into the user's own cache."""
        if self.tier.troubles:
            return False
        try:
            self.artifacts.mkdir(parents=True, exist_ok=True, mode=0o700)
            return self.tier.fetch(self.name, self.artifacts, self.limit)
        except Damaged as error:
            self.tell(f"the artifact in {self.tier.url} is not used: {error}")
        except Unreachable as error:
            gone(self.tier, self.tell, error)
        except (OSError, UsageError) as error:
            self.tell(f"the artifact from {self.tier.url} was not kept: {error}")
        return False

    def came(self) -> bool:
        """Whether the entry came while another machine was waited for."""
        try:
            return not self.tier.troubles and self.tier.has(self.name) and self.fetched()
        except Unreachable as error:
            gone(self.tier, self.tell, error)
            return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One machine at a time; all of them where the store cannot be reached, which costs time and nothing else."""
        lease = None
        if not self.tier.troubles:
            try:
                lease = alone(self.tier, self.name, self.tell)
                lease.__enter__()
            except Unreachable as error:
                lease = None
                gone(self.tier, self.tell, error)
        try:
            yield
        finally:
            if lease is not None:
                lease.__exit__(None, None, None)


def gone(tier: Tier, tell: Callable[[str], object], error: Unreachable) -> None:
    """The store does not answer: this process goes without it from now on, and says so once."""
    if not tier.troubles:
        tier.troubles.append(str(error))
        tell(f"the shared cache {tier.url} cannot be reached ({error}); what is compiled stays here and is sent later")

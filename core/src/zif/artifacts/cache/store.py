"""The store: lookup, single flight, writing whole or not at all, and making room.

`fetch` never fails a command: what cannot be read, written or shown to be this user's is told to the caller's `note`,
and the artifact is made anew. What a command asks of the cache itself raises UsageError for a folder that is not zif's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.artifacts.cache import ground, removal
from zif.artifacts.cache.entry import INDEX, Entry, check, draft, entry_of, read, read_index
from zif.artifacts.cache.key import Key, key_of
from zif.artifacts.cache.names import ARTIFACTS, LOCKS, UNSENT, VERIFIED, is_answer, is_key, is_passing
from zif.artifacts.hashed import Damaged, total_bytes
from zif.artifacts.userkey import ensure_key
from zif.backends.timeline import span
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.artifacts.cache.shared import Tier
    from zif.artifacts.cache.shared.pending_uploads import Unsent
    from zif.backends.backend import Backend
    from zif.model import Model
    from zif.records import Compiled, Target

_STALE_S = 24 * 3600.0

#: Called with a backend's name and a sentence.
Note = Callable[[str, str], None]


@frozen
class Hit:
    """The artifact is there."""

    entry: Entry


@frozen
class Miss:
    """It is not. `part` is the first part of the key that differs from the nearest entry ("" when there is none).

    damaged: something is there under this key, and would not be run.
    """

    reason: str
    part: str = ""
    damaged: bool = False


@frozen
class Cache:
    """Artifacts under `root`, at most `limit` bytes of them; what was used least recently goes first.

    spare_s: an artifact that was used within so many seconds stays even then: another process may be opening it.
    shared: a cache that machines share, behind this one.
    """

    root: Path
    limit: int = 10 << 30
    spare_s: float = 600.0
    shared: Tier | None = None

    def fetch(
        self,
        backend: Backend,
        model: Model,
        target: Target,
        options: Any,
        toolchain: str,
        make: Callable[[], Compiled],
        note: Note,
    ) -> Compiled:
        """The artifact of this segment: from the cache, or made by `make` and kept.

        While another process makes the same one, this one waits for it. Raises only what `make` raises.
        """
        key = key_of(backend, model, target, options, toolchain)
        with span(f"cache {model.name}", "cache"):
            return self.kept(key, model.name, model.external_files(), make, lambda text: note(backend.name, text))

    def kept(
        self,
        key: Key,
        label: str,
        outside: Mapping[str, Path],
        make: Callable[[], Compiled],
        tell: Callable[[str], object],
    ) -> Compiled:
        """What was made from all that `key` names: from the cache, or made by `make` and kept.

        label: what messages call it. outside: files that are not copied. Raises only what `make` raises.
        """
        try:
            ground.claim(self.root)
            ensure_key()
        except (UsageError, OSError) as error:
            tell(f"the artifact was not kept in the cache {self.root}: {_why(error)}")
            return make()
        fetch = _Fetch(self, key, label, outside, tell)
        compiled = fetch.get()
        if compiled is None:
            with fetch.alone():
                compiled = fetch.get() or (fetch.keep(make()) if self.shared is None else fetch.shared_or_made(make))
        if self.shared is not None:
            unsent(self).send(key.hash, tell)
        return compiled

    def lookup(self, key: Key, label: str = "", outside: Mapping[str, Path] | None = None) -> Hit | Miss:
        """Whether the artifact is there and would be run, or why not. Reads its files.

        label: the segment's name, for reasons. outside: the model's own files, which the cache does not copy.
        """
        folder = self.artifacts / key.hash
        if folder in self._folders():
            try:
                return Hit(_whole(folder, key, outside or {})[0])
            except (OSError, Damaged) as error:
                return Miss(f"the artifact is damaged: {_why(error)}", damaged=True)
        entries = self.entries()
        near = [entry for entry in entries if (entry.key.model, entry.key.backend) == (key.model, key.backend)]
        if near:
            nearest = min(near, key=lambda entry: (len(key.differing(entry.key)), -entry.used))
            return Miss(key.against(nearest.key), key.differing(nearest.key)[0])
        same = [entry for entry in entries if (entry.label, entry.key.backend) == (label, key.backend)]
        if label and same:
            day = time.strftime("%Y-%m-%d %H:%M", time.localtime(max(entry.created for entry in same)))
            return Miss(f"{label} has other content than when it was compiled on {day}", "model")
        return Miss(f"never compiled by {key.backend} before")

    def entries(self) -> list[Entry]:
        """What is there, last used first. Damaged entries are left out; see `verify`."""
        listed = []
        for folder in self._folders():
            with contextlib.suppress(OSError, Damaged):
                listed.append(entry_of(folder, read_index(folder)))
        return sorted(listed, key=lambda entry: -entry.used)

    def strangers(self) -> list[str]:
        """What lies among the artifacts and was not put there by zif: it stays whatever happens to the others."""
        return removal.strangers(self.artifacts) if self._there() else []

    def verify(self) -> dict[str, str]:
        """Read every file of every entry: what is wrong, by the name of the entry. Damaged entries are removed."""
        wrong = {}
        for folder in self._folders():
            try:
                index = read_index(folder)
                check(folder, index)
                if entry_of(folder, index).key.hash != folder.name:
                    raise Damaged("it is the artifact of something else")
            except (OSError, Damaged) as error:
                wrong[folder.name] = str(error)
                self.discard(folder)
        return wrong

    def remove(self, name: str) -> bool:
        """Remove the entry of this name; whether it was there."""
        folder = self.artifacts / name
        return folder in self._folders() and self.discard(folder)

    def clear(self) -> tuple[int, int]:
        """Remove everything that zif put there: how many entries and bytes went.

        Processes that compile meanwhile are not disturbed.
        """
        removed = freed = 0
        for folder in self._folders():
            size = _bytes(folder)
            if self.discard(folder):
                removed, freed = removed + 1, freed + size
        if self._there():
            removal.sweep(self.root / VERIFIED, 0, is_answer)
            removal.sweep(self.root / UNSENT, 0, is_key)
        self._sweep()
        return removed, freed

    def trim(self, keep: Path | None = None) -> list[Entry]:
        """Make room: remove what was used least recently until the limit holds. Gives what was removed."""
        self._sweep()
        entries = self.entries()
        size, now, gone = sum(entry.bytes for entry in entries), time.time(), []
        for entry in reversed(entries):
            if size <= self.limit:
                break
            if entry.folder != keep and now - entry.used >= self.spare_s and self.discard(entry.folder):
                size -= entry.bytes
                gone.append(entry)
        return gone

    @property
    def artifacts(self) -> Path:
        """The folder of the entries."""
        return self.root / ARTIFACTS

    def discard(self, folder: Path) -> bool:
        """Take an entry out in one step, then delete it: a reader finds all of it or nothing. Whether it is gone."""
        return removal.take_out(folder.parent, folder.name)

    def _there(self) -> bool:
        """Whether the cache is there and zif's own. Raises UsageError for a folder that is not, or no longer."""
        try:
            return ground.is_ours(self.root)
        except OSError as error:
            raise UsageError(f"the cache {self.root} cannot be read: {_why(error)}") from error

    def _folders(self) -> list[Path]:
        """The entries; whatever has no name of a key, or is a link, is none."""
        with contextlib.suppress(OSError):
            if self._there():
                return [folder for folder in self.artifacts.iterdir() if is_key(folder.name) and _real(folder)]
        return []

    def _sweep(self) -> None:
        """Remove what killed processes left behind, and locks that nobody took for long."""
        if self._there():
            removal.sweep(self.artifacts, _STALE_S, is_passing)
            removal.sweep(self.root / LOCKS, _STALE_S, is_key)


@frozen
class _Fetch:
    """One segment on its way out of the cache or into it. outside: the model's own files, which are not copied."""

    cache: Cache
    key: Key
    label: str
    outside: Mapping[str, Path]
    tell: Callable[[str], object]

    def get(self) -> Compiled | None:
        """The artifact; None when it is not there or is damaged, in which case it is removed."""
        folder = self._folder
        try:
            _, compiled = _whole(folder, self.key, self.outside)
        except (FileNotFoundError, IsADirectoryError):
            if folder.exists():
                self.cache.discard(folder)
                self.tell("the artifact in the cache had lost its index and is made again")
            return None
        except (OSError, UsageError) as error:
            self.tell(f"the cache {self.cache.root} cannot be read: {_why(error)}")
            return None
        except Damaged as error:
            self.cache.discard(folder)
            self.tell(f"the artifact in the cache was damaged ({error}) and is made again")
            return None
        with contextlib.suppress(OSError):
            os.utime(folder / INDEX)
        return compiled

    def shared_or_made(self, make: Callable[[], Compiled]) -> Compiled:
        """From the cache that machines share, else made by one of them, as far as the store can tell."""
        from zif.artifacts.cache.shared.use import Using

        assert self.cache.shared is not None
        using = Using(self.cache.shared, self.cache.artifacts, self.cache.limit, self.key.hash, self.tell)
        if using.fetched() and (compiled := self.get()) is not None:
            return compiled
        with using.alone():
            if using.came() and (compiled := self.get()) is not None:
                return compiled
            kept = self.keep(make())
            if self._folder.exists():
                unsent(self.cache).note(self.key.hash)
                unsent(self.cache).send(self.key.hash, self.tell)
            return kept

    def keep(self, compiled: Compiled) -> Compiled:
        """Store an artifact: it comes back with its files in the cache, or as it was when it cannot be stored."""
        cache = self.cache
        try:
            own = {name: content for name, content in compiled.files.items() if self.outside.get(name) != content}
            size = total_bytes(own)
            if size > cache.limit:
                self.tell(f"the artifact ({size} bytes) is larger than the cache may be and was not kept")
                return compiled
            cache.artifacts.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._publish(draft(cache.artifacts, self.key, self.label, compiled, self.outside))
            cache.trim(self._folder)
            return read(self._folder, read_index(self._folder), self.outside, hashes=False)
        except (OSError, Damaged, UsageError) as error:
            self.tell(f"the artifact was not kept in the cache {cache.root}: {_why(error)}")
            return compiled

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time; all of them where locking is impossible, which costs time and nothing else."""
        import filelock

        lock = None
        with contextlib.suppress(OSError, NotImplementedError):
            locks = self.cache.root / LOCKS
            locks.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = filelock.FileLock(locks / self.key.hash)
            try:
                lock.acquire(timeout=0.1)
            except filelock.Timeout:
                self.tell("another process compiles the same segment: waiting for it")
                lock.acquire()
        try:
            yield
        finally:
            if lock is not None:
                lock.release(force=True)

    @property
    def _folder(self) -> Path:
        return self.cache.artifacts / self.key.hash

    def _publish(self, place: Path) -> None:
        try:
            place.rename(self._folder)
        except OSError:  # somebody who could not lock was faster: theirs is as good
            shutil.rmtree(place, ignore_errors=True)
            if not self._folder.exists():
                raise


def unsent(cache: Cache) -> Unsent:
    """What of this cache the shared one does not have yet."""
    from zif.artifacts.cache.shared.pending_uploads import Unsent

    assert cache.shared is not None
    return Unsent(cache.shared, cache.root)


def _whole(folder: Path, key: Key, outside: Mapping[str, Path]) -> tuple[Entry, Compiled]:
    """The entry of a key and its artifact, every file checked: what a run would run. Raises Damaged, OSError."""
    index = read_index(folder)
    entry = entry_of(folder, index)
    if entry.key != key:
        raise Damaged("it is the artifact of something else")
    return entry, read(folder, index, outside)


def _real(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink()


def _bytes(folder: Path) -> int:
    """The bytes of an entry's own files; 0 where its index is damaged and does not say."""
    with contextlib.suppress(OSError, Damaged, UsageError):
        return entry_of(folder, read_index(folder)).bytes
    return 0


def _why(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.strerror}. Free space, or name another folder in ZIF_CACHE"
    return str(error)

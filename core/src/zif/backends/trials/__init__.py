"""Whether a plugin may be imported into this process: a new one is tried in a process of its own first.

What came of it holds as long as the content of its distribution and what is installed beside it are the same.
"""

from __future__ import annotations

from zif.backends.trials.outcomes import exempt, forget, outcome, prepare
from zif.files.trials.keeping import Outcome

__all__ = ["Outcome", "exempt", "forget", "outcome", "prepare"]

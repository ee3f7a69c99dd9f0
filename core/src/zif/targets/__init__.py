"""The chips that can be planned for, from whoever brings them, and this machine.

What may come in: reading, merging and finding targets. What a backend does with one is the backend's.
"""

from zif.files.distribution_data import Problem
from zif.targets.catalogue import host, problems, target, targets

__all__ = ["Problem", "host", "problems", "target", "targets"]

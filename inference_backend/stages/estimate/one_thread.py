"""Where estimators look for `stages.one_thread`."""

from ..one_thread import one_thread

__all__ = ["one_thread"]

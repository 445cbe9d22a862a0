"""How long the long tests are: a tenth of their size, or all of it where SWEEP is "full"."""

import os


def size(full: int) -> int:
    """The number of rounds, examples, ... of this run; at least one."""
    return full if os.environ.get("SWEEP") == "full" else max(1, full // 10)

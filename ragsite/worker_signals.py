"""How the worker is told to stop: its first process alone hears of it, and ends its children in order.

Whoever runs several programs, such as `make run`, signals a program's whole process group. django-q's guard, which is
then killed while it waits for the word to stop, leaves its parent waiting for it for ever: the parent was killed in its
turn, a quarter of a minute later, and tasks in the middle of their work with it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent dies


def keep_from_children() -> None:
    """Take all children that are forked from here on out of this process's group; on Linux they end with it, however
    it ends."""
    first = os.getpid()
    os.register_at_fork(after_in_child=lambda: _leave_group(first))


def _leave_group(first: int) -> None:
    if os.getppid() == first:
        os.setpgid(0, 0)  # which its own children then share
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

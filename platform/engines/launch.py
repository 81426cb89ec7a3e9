"""Becomes another program that cannot outlive its parent; a script, run by path, never imported.

    python -I -S launch.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM [ARGUMENT…]

UID -1 keeps the user. A script of its own instead of `preexec_fn`, because forking Python code is
unsafe beside threads. The order matters: the kernel forgets the death signal when the user changes,
and a parent that died before it was set is seen only by asking afterwards.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, user, group = (int(argument) for argument in sys.argv[1:5])
    command = sys.argv[5:]
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            sys.exit(1)
    # Python ignores these two, and what is ignored stays so across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606  # no shell is the point
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


main()

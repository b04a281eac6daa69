"""What a host does about its parent, its signals and the machine's memory."""

import ctypes
import faulthandler
import os
import select
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def settle_in(link):
    """Prepares the process: it goes before the server when memory runs out, and never outlives its parent."""
    sys.stdout.reconfigure(line_buffering=True)
    faulthandler.enable()
    # Why: a terminal sends Ctrl-C to the whole group; the server drains first and then closes the link.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _volunteer_for_out_of_memory()
    _die_with_parent()
    threading.Thread(target=_watch, args=(link.fileno(),), daemon=True).start()


def _volunteer_for_out_of_memory():
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        # Why: only Linux has the knob, and a hardened container may forbid it; the host works without.
        pass


def _die_with_parent():
    """The watching thread needs the interpreter's lock, which a model hung in native code may hold; the kernel doesn't."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        pass


def _watch(descriptor):
    """Waits, without reading, for the other end to close: a load or a run may be under way for long."""
    poll = select.poll()
    poll.register(descriptor, getattr(select, "POLLRDHUP", 0))
    while not poll.poll():
        pass
    os._exit(0)

"""Limits of this process. They are set before anything of the model is read."""

import os
import resource


def apply_limits(limits):
    memory = int(limits["memoryBytes"])
    _lower(resource.RLIMIT_DATA, memory)
    _lower(resource.RLIMIT_FSIZE, int(limits["fileBytes"]))
    _lower(resource.RLIMIT_CORE, 0)
    os.umask(0o077)


def _lower(kind, value):
    _, hard = resource.getrlimit(kind)
    wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (wanted, wanted))

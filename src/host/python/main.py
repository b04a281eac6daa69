"""The program of a Python model host. It runs isolated (-I), so that only its own package and the model's folder are added to the path."""

import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))

from slipway_host.serve import main  # noqa: E402

main()

"""``python -m experiments``."""

import sys

from experiments.cli import main
from experiments.system.interruption import take_no_more_signals

code = main()
take_no_more_signals()
sys.exit(code)

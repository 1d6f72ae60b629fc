"""``python -m experiments``."""

import signal
import sys

from experiments.cli import main
from experiments.system.interruption import SIGNALS

code = main()
for number in SIGNALS:  # all is done: none is to change the exit code while Python ends
    signal.signal(number, signal.SIG_IGN)
exec("")  # a signal in another exec of text would still end Python by that signal
sys.exit(code)

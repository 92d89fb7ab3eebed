"""``python -m imse_mcu``."""

from imse_mcu.cli.main import entry

entry()

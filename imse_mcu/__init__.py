"""imse-mcu: IMSE speech enhancement on Cortex-M microcontrollers."""

__version__ = "0.1.0"

"""The engine's registers as the double-precision instructions need them."""

from __future__ import annotations

from unicorn import Uc, arm_const


class EngineRegisters:
    """The engine's registers as the double-precision instructions need them.

    Args:
        engine: The Unicorn engine.
    """

    def __init__(self, engine: Uc) -> None:
        self._engine = engine

    def read_s(self, index: int) -> int:
        """Bits of a single-precision register."""
        return int(self._engine.reg_read(arm_const.UC_ARM_REG_S0 + index))

    def write_s(self, index: int, bits: int) -> None:
        """Set a single-precision register."""
        self._engine.reg_write(arm_const.UC_ARM_REG_S0 + index, bits)

    def read_d(self, index: int) -> int:
        """Bits of a double-precision register."""
        return int(self._engine.reg_read(arm_const.UC_ARM_REG_D0 + index))

    def write_d(self, index: int, bits: int) -> None:
        """Set a double-precision register."""
        self._engine.reg_write(arm_const.UC_ARM_REG_D0 + index, bits)

    def set_compare_flags(self, nzcv: int) -> None:
        """Set FPSCR's N, Z, C and V."""
        fpscr = self._engine.reg_read(arm_const.UC_ARM_REG_FPSCR)
        self._engine.reg_write(arm_const.UC_ARM_REG_FPSCR, fpscr & 0x0FFF_FFFF | nzcv << 28)

    def condition(self, code: int) -> bool:
        """Whether EQ, VS, GE or GT holds."""
        xpsr = self._engine.reg_read(arm_const.UC_ARM_REG_XPSR)
        n, z, v = xpsr >> 31 & 1, xpsr >> 30 & 1, xpsr >> 28 & 1
        return {0b0000: z == 1, 0b0110: v == 1, 0b1010: n == v, 0b1100: z == 0 and n == v}[code]

    def advance(self, pc: int) -> None:
        """Go on behind a finished instruction, also inside an IT block."""
        xpsr = self._engine.reg_read(arm_const.UC_ARM_REG_XPSR)
        it = xpsr >> 8 & 0xFC | xpsr >> 25 & 3
        if it:
            it = it & 0xE0 | it << 1 & 0x1F if it & 7 else 0
            xpsr = xpsr & ~0x0600_FC00 | (it & 0xFC) << 8 | (it & 3) << 25
            self._engine.reg_write(arm_const.UC_ARM_REG_XPSR, xpsr)
        self._engine.reg_write(arm_const.UC_ARM_REG_PC, pc | 1)

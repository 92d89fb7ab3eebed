"""An STM32H743 as a debug probe sees it: memory, flash controller, and a core that runs code.

Flash algorithms of real tools run here: the core is Unicorn's, the flash controller behaves as
RM0433 says (keys, sector erase, programming only from 1 to 0, write protection).
"""

from __future__ import annotations

import contextlib
import struct

from unicorn import UC_ARCH_ARM, UC_HOOK_INTR, UC_MODE_MCLASS, UC_MODE_THUMB, Uc, UcError, arm_const

FLASH, FLASH_BYTES, SECTOR_BYTES, BANK_BYTES = 0x0800_0000, 0x20_0000, 0x2_0000, 0x10_0000
CONTROLLER = 0x5200_2000
IDENTITY = 0x5C00_1000
RAMS = ((0x0000_0000, 0x1_0000), (0x2000_0000, 0x2_0000), (0x2400_0000, 0x8_0000))
# Timers, watchdogs, clocks: memory that keeps what is written.
PERIPHERALS = ((0x4000_0000, 0x3_0000), (0x5800_0000, 0x3_0000))
_INSTRUCTIONS = 200_000_000

KEYR, OPTKEYR, CR, SR, CCR, OPTCR = 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
OPTSR_CUR, OPTSR_PRG, WPSN_CUR, WPSN_PRG = 0x1C, 0x20, 0x38, 0x3C
CR_LOCK, CR_PG, CR_SER, CR_BER, CR_START = 1, 2, 4, 8, 1 << 7
SR_EOP, SR_WRPERR, SR_PGSERR = 1 << 16, 1 << 17, 1 << 18
KEYS = (0x4567_0123, 0xCDEF_89AB)

DHCSR, DCRSR, DCRDR, DEMCR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_EDFC
AIRCR, CPUID, DFSR = 0xE000_ED0C, 0xE000_ED00, 0xE000_ED30
C_DEBUGEN, C_HALT, S_REGRDY, S_HALT, S_RESET = 1, 2, 1 << 16, 1 << 17, 1 << 25
DBGKEY, VC_CORERESET, SYSRESETREQ = 0xA05F, 1, 4

# Component and peripheral identification of ROM table and system control space, from 0xFD0 on.
_ROM_TABLE = 0xE00F_E000
_IDS = {
    _ROM_TABLE: (0x0000_0000_000B_B4C7 | 0x4 << 32, 0xB105_100D),
    0xE000_E000: (0x0000_0000_000B_B00C | 0x4 << 32, 0xB105_E00D),
}


class BusFaultError(Exception):
    """No memory answers at an address."""


class Controller:
    """The flash controller: two banks."""

    def __init__(self, flash: bytearray) -> None:
        self.flash = flash
        self.registers = [self._reset(), self._reset()]
        self.level = 0xAA  # read-out protection, 0xAA is none
        self.protected_sectors: set[int] = set()
        self.sticky_bits = 0  # bits of the flash that cannot be erased to 1
        self._keys = [0, 0]

    @staticmethod
    def _reset() -> dict[int, int]:
        return {CR: 0x31, SR: 0, OPTCR: 1}

    def read(self, offset: int) -> int:
        bank, register = divmod(offset, 0x100)
        if register in (OPTSR_CUR, OPTSR_PRG):
            return 0x1386_00F0 & ~0xFF00 | self.level << 8
        if register in (WPSN_CUR, WPSN_PRG):
            sectors = range(8 * bank, 8 * bank + 8)
            return sum((s not in self.protected_sectors) << (s - 8 * bank) for s in sectors)
        return self.registers[min(bank, 1)].get(register, 0)

    def write(self, offset: int, value: int) -> None:
        bank, register = divmod(offset, 0x100)
        state = self.registers[bank]
        if register == KEYR:
            self._key(bank, value)
        elif register == CCR:
            state[SR] &= ~value
        elif register == CR and not state[CR] & CR_LOCK:
            state[CR] = value & ~CR_START
            if value & CR_START:
                self._erase(bank, value)
        elif register not in (CR, SR):
            state[register] = value

    def _key(self, bank: int, value: int) -> None:
        right = value == KEYS[self._keys[bank]]
        self._keys[bank] = self._keys[bank] + 1 if right else 0
        if self._keys[bank] == len(KEYS):
            self._keys[bank] = 0
            self.registers[bank][CR] &= ~CR_LOCK

    def _erase(self, bank: int, value: int) -> None:
        state = self.registers[bank]
        sectors = [8 * bank + (value >> 8 & 7)] if value & CR_SER else range(8 * bank, 8 * bank + 8)
        for sector in sectors:
            if sector in self.protected_sectors:
                state[SR] |= SR_WRPERR
                return
            start = sector * SECTOR_BYTES
            self.flash[start : start + SECTOR_BYTES] = bytes([0xFF]) * SECTOR_BYTES
        state[SR] |= SR_EOP

    def program(self, offset: int, data: bytes) -> None:
        bank = offset // BANK_BYTES
        state = self.registers[bank]
        if state[CR] & CR_LOCK or not state[CR] & CR_PG:
            state[SR] |= SR_PGSERR
            return
        if offset // SECTOR_BYTES in self.protected_sectors:
            state[SR] |= SR_WRPERR
            return
        for index, byte in enumerate(data):
            self.flash[offset + index] &= byte
        if self.sticky_bits:
            self.flash[offset] |= self.sticky_bits
        state[SR] |= SR_EOP


class Chip:
    """Memory and core, seen through an access port.

    Args:
        device_id: Lower bits of DBGMCU's identity register.
    """

    def __init__(self, device_id: int = 0x450) -> None:
        self.flash = bytearray([0xFF]) * FLASH_BYTES
        self.controller = Controller(self.flash)
        self.device_id = device_id
        self.halted = False
        self.resets = 0
        self._ppb = {CPUID: 0x411F_C271, DHCSR: 0, DEMCR: 0, AIRCR: 0xFA05_0000}
        self._status = 0
        self._engine = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self._engine.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M7)
        for origin, size in (*RAMS, *PERIPHERALS):
            self._engine.mem_map(origin, size)
        self._engine.mmio_map(FLASH, FLASH_BYTES, self._flash_read, None, self._flash_write, None)
        self._engine.mmio_map(
            CONTROLLER, 0x1000, self._control_read, None, self._control_write, None
        )
        self._engine.hook_add(UC_HOOK_INTR, self._interrupt)

    # What the core sees.

    def _flash_read(self, _engine: Uc, offset: int, size: int, _data: object) -> int:
        return int.from_bytes(self.flash[offset : offset + size], "little")

    def _flash_write(self, _engine: Uc, offset: int, size: int, value: int, _data: object) -> None:
        self.controller.program(offset, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def _control_read(self, _engine: Uc, offset: int, size: int, _data: object) -> int:
        word = self.controller.read(offset & ~3)
        return word >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def _control_write(
        self, _engine: Uc, offset: int, size: int, value: int, _data: object
    ) -> None:
        self.controller.write(offset, value)

    @staticmethod
    def _interrupt(engine: Uc, _number: int, _data: object) -> None:
        engine.emu_stop()  # a breakpoint, or a fault: both end in the debugger's hands

    # What the debugger sees.

    def read(self, address: int, size: int = 4) -> int:
        """Value of 1, 2 or 4 bytes."""
        if FLASH <= address < FLASH + FLASH_BYTES:
            if self.controller.level != 0xAA:
                raise BusFaultError
            return self._flash_read(self._engine, address - FLASH, size, None)
        if address >= 0xE000_0000:
            return self._read_ppb(address & ~3) >> 8 * (address & 3) & (1 << 8 * size) - 1
        if CONTROLLER <= address < CONTROLLER + 0x1000:
            return self._control_read(self._engine, address - CONTROLLER, size, None)
        if address == IDENTITY:
            return 0x2003_6000 | self.device_id
        if IDENTITY < address < IDENTITY + 0x400:
            return 0
        try:
            return int.from_bytes(self._engine.mem_read(address, size), "little")
        except UcError:
            raise BusFaultError from None

    def write(self, address: int, value: int, size: int = 4) -> None:
        """Write 1, 2 or 4 bytes."""
        if address >= 0xE000_0000:
            self._write_ppb(address, value)
        elif CONTROLLER <= address < CONTROLLER + 0x1000:
            self.controller.write(address - CONTROLLER, value)
        elif FLASH <= address < FLASH + FLASH_BYTES:
            self.controller.program(address - FLASH, value.to_bytes(size, "little"))
        elif not IDENTITY <= address < IDENTITY + 0x400:
            try:
                self._engine.mem_write(address, value.to_bytes(size, "little"))
            except UcError:
                raise BusFaultError from None

    def _read_ppb(self, address: int) -> int:
        if address == DHCSR:
            status, self._status = self._status, 0
            halted = S_HALT if self.halted else 0
            return self._ppb[DHCSR] & 0xFFFF | S_REGRDY | halted | status
        if address == _ROM_TABLE:
            return (0xE000_E000 - _ROM_TABLE) & 0xFFFF_F000 | 3
        base, offset = address & ~0xFFF, address & 0xFFF
        if base in _IDS and offset >= 0xFD0:
            peripheral, component = _IDS[base]
            index = (offset - 0xFD0) // 4
            if index >= 8:
                return component >> 8 * (index - 8) & 0xFF
            return peripheral >> 8 * (index + 4 if index < 4 else index - 4) & 0xFF
        return self._ppb.get(address, 0)

    def _write_ppb(self, address: int, value: int) -> None:
        if address == DHCSR:
            if value >> 16 == DBGKEY:
                self._ppb[DHCSR] = value & 0xFFFF
                self._control(value)
        elif address == DCRSR:
            self._transfer(value & 0x7F, write=bool(value >> 16 & 1))
        elif address == AIRCR:
            if value & SYSRESETREQ:
                self.reset()
        elif address == DFSR:
            self._ppb[DFSR] = self._ppb.get(DFSR, 0) & ~value
        else:
            self._ppb[address] = value

    def _control(self, value: int) -> None:
        if value & C_HALT:
            self.halted = True
        elif self.halted and value & C_DEBUGEN:
            self._run()
        elif not value & C_DEBUGEN:
            self.halted = False

    def _run(self) -> None:
        pc = self._engine.reg_read(arm_const.UC_ARM_REG_PC)
        # A fault leaves the debugger a halted core at an odd place.
        with contextlib.suppress(UcError):
            self._engine.emu_start(pc | 1, 0xFFFF_FFFE, count=_INSTRUCTIONS)
        self._ppb[DFSR] = 2
        self.halted = True

    def _transfer(self, number: int, *, write: bool) -> None:
        register = _register(number)
        if register is None:
            self._ppb[DCRDR] = 0
        elif write:
            self._engine.reg_write(register, self._ppb[DCRDR])
        else:
            self._ppb[DCRDR] = self._engine.reg_read(register)

    def reset(self) -> None:
        """Reset the chip; the core halts there when the debugger asked for it, else it runs on."""
        self.resets += 1
        self._status |= S_RESET
        for bank in self.controller.registers:
            bank[CR] |= CR_LOCK
        stack, entry = struct.unpack_from("<II", self.flash)
        self._engine.reg_write(arm_const.UC_ARM_REG_SP, stack & ~3)
        self._engine.reg_write(arm_const.UC_ARM_REG_PC, entry & ~1)
        enabled = self._ppb[DHCSR] & C_DEBUGEN
        self.halted = bool(enabled and self._ppb.get(DEMCR, 0) & VC_CORERESET)


def _register(number: int) -> int | None:
    """Unicorn's name of a register that DCRSR names by number."""
    special = {
        13: arm_const.UC_ARM_REG_SP,
        14: arm_const.UC_ARM_REG_LR,
        15: arm_const.UC_ARM_REG_PC,
        16: arm_const.UC_ARM_REG_XPSR,
        17: arm_const.UC_ARM_REG_MSP,
        18: arm_const.UC_ARM_REG_PSP,
    }
    if number < 13:
        return int(arm_const.UC_ARM_REG_R0) + number
    return special.get(number)

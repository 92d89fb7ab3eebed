"""The processor's own peripherals: system control space, SysTick, DWT."""

from __future__ import annotations

from dataclasses import dataclass

from targets.emulators.bus import BusError, Machine, Peripheral
from targets.emulators.interrupts import Interrupts
from targets.model import Mcu

SCS_BASE = 0xE000_E000
DWT_BASE = 0xE000_1000

_CPUID = {
    "cortex-m4": 0x410FC241,
    "cortex-m7": 0x411FC271,
    "cortex-m33": 0x410FD213,
}
_DEMCR_TRCENA = 1 << 24
_LINE_BYTES = 32


def _cache_size_id(size_bytes: int, ways: int) -> int:
    """CCSIDR of a cache with 32-byte lines (Armv7-M ARM, B3.2.15)."""
    if size_bytes == 0:
        return 0
    sets = size_bytes // (ways * _LINE_BYTES)
    return 0xF000_0000 | (sets - 1) << 13 | (ways - 1) << 3 | 1


@dataclass(frozen=True)
class MpuRegion:
    """A region of the memory protection unit, as privileged code sees it.

    Attributes:
        start: First address.
        size_bytes: Its size.
        disabled: Bit n: the nth eighth does not belong to it.
        access: ``none``, ``read`` or ``write``.
    """

    start: int
    size_bytes: int
    disabled: int
    access: str

    @classmethod
    def of_armv7(cls, number: int, rbar: int, rasr: int) -> MpuRegion:
        """Decode RBAR and RASR.

        Raises:
            BusError: The processor would take other addresses than meant.
        """
        start, size_bytes = rbar & ~0x1F, 2 << (rasr >> 1 & 0x1F)
        if start % size_bytes:
            raise BusError(
                f"MPU region {number} at 0x{start:08x} does not begin at a multiple of its size",
                hint=f"the processor takes 0x{start - start % size_bytes:08x}",
            )
        access = "none" if rasr >> 24 & 7 == 0 else "read" if rasr >> 26 & 1 else "write"
        return cls(start, size_bytes, rasr >> 8 & 0xFF, access)

    @classmethod
    def of_armv8(cls, number: int, rbar: int, rlar: int) -> MpuRegion:
        """Decode RBAR and RLAR.

        Raises:
            BusError: It ends before it begins.
        """
        start, end = rbar & ~0x1F, (rlar | 0x1F) + 1
        if end <= start:
            raise BusError(f"MPU region {number} ends before it begins")
        return cls(start, end - start, 0, "read" if rbar >> 2 & 1 else "write")

    def contains(self, address: int, size_bytes: int) -> bool:
        """Whether all of a range belongs to it."""
        offset, eighth = address - self.start, max(self.size_bytes // 8, 1)
        if offset < 0 or offset + size_bytes > self.size_bytes:
            return False
        parts = range(offset // eighth, (offset + size_bytes - 1) // eighth + 1)
        return not any(self.disabled >> part & 1 for part in parts)


class SystemControl(Peripheral):
    """System control space: SCB, SysTick, NVIC, MPU, FPU and cache maintenance.

    Interrupts of modelled peripherals are delivered; enabling another is an error, so that no image
    waits for one in vain. Of the MPU's regions those count that cover a whole memory or peripheral.
    There are no caches to maintain: what was asked for is written down.

    Attributes:
        maintained: Register of the cache maintenance -> what was written to it.

    Args:
        mcu: For CPUID and caches.
        machine: For the time.
        interrupts: The interrupt lines.
    """

    SYST_CSR, SYST_RVR, SYST_CVR, SYST_CALIB = 0x010, 0x014, 0x018, 0x01C
    CPUID, ICSR, VTOR, AIRCR, CCR = 0xD00, 0xD04, 0xD08, 0xD0C, 0xD14
    CFSR, HFSR, DFSR = 0xD28, 0xD2C, 0xD30
    CLIDR, CTR, CCSIDR, CSSELR, CPACR = 0xD78, 0xD7C, 0xD80, 0xD84, 0xD88
    DEMCR = 0xDFC
    MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR_RLAR, MPU_MAIR0 = 0xD94, 0xD98, 0xD9C, 0xDA0, 0xDC0
    ICIALLU, DCIMVAC, DCISW, DCCMVAC, DCCISW = 0xF50, 0xF5C, 0xF60, 0xF68, 0xF74

    def __init__(self, mcu: Mcu, machine: Machine, interrupts: Interrupts) -> None:
        self._machine = machine
        self._interrupts = interrupts
        self._icache = _cache_size_id(mcu.icache_bytes, 2)
        self._dcache = _cache_size_id(mcu.dcache_bytes, 4)
        self._tick_start = 0
        self._tick_seen = 0
        self._armv8 = mcu.core not in ("cortex-m4", "cortex-m7")
        self._regions: dict[int, MpuRegion] = {}
        self.maintained: dict[int, list[int]] = {}
        has_caches = bool(mcu.icache_bytes or mcu.dcache_bytes)
        storage = [0x004, 0x008, 0xD10, 0xD18, 0xD1C, 0xD20, 0xD24, 0xD34, 0xD38, 0xD3C]
        storage += [self.SYST_CSR, self.SYST_RVR, self.SYST_CVR, self.ICSR, self.VTOR, self.AIRCR]
        storage += [self.CFSR, self.HFSR, self.DFSR, self.CPACR, 0xDF0, self.DEMCR, 0xF34, 0xF38]
        storage += [0xF3C, *range(0xD94, 0xDBC, 4), self.MPU_MAIR0, 0xDC4]
        for bank in (0x100, 0x180, 0x200, 0x280, 0x300):
            storage += range(bank, bank + 0x20, 4)
        storage += range(0x400, 0x4F0, 4)
        reset = dict.fromkeys(storage, 0)
        reset |= {
            self.CPUID: _CPUID.get(mcu.core, 0),
            self.AIRCR: 0xFA05_0000,
            self.CCR: 0x0004_0200,
            self.SYST_CALIB: 0,
            0xD90: 0x0000_1000,  # MPU_TYPE: 16 regions
            0xF40: 0x1011_0221 if mcu.fpu == "fpv5-d16" else 0x1011_0021,  # MVFR0
            0xF44: 0x1200_0011,  # MVFR1
            0xF48: 0x0000_0040,  # MVFR2
        }
        if has_caches:
            maintenance = (0xF50, *range(0xF58, 0xF7C, 4), 0xF90, 0xF94, 0xF98, 0xF9C, 0xFA0, 0xFA8)
            reset |= dict.fromkeys(maintenance, 0)
            reset |= {self.CLIDR: 0x0900_0003, self.CTR: 0x8303_C003}
            reset |= {self.CCSIDR: self._dcache, self.CSSELR: 0}
        super().__init__("the system control space", SCS_BASE, 0x1000, reset)

    @property
    def trace_enabled(self) -> bool:
        """Whether DEMCR.TRCENA lets the DWT run."""
        return bool(self.registers[self.DEMCR] & _DEMCR_TRCENA)

    @property
    def fpu_enabled(self) -> bool:
        """Whether CPACR gives full access to the FPU."""
        return self.registers[self.CPACR] >> 20 & 0xF == 0xF

    def read_word(self, offset: int) -> int:
        """Registers with a life of their own; the rest is storage."""
        if offset == self.CCSIDR:
            return self._icache if self.registers[self.CSSELR] & 1 else self._dcache
        if offset in (self.SYST_CSR, self.SYST_CVR):
            return self._read_systick(offset)
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """Registers with a life of their own; the rest is storage."""
        if offset in (self.CFSR, self.HFSR, self.DFSR):
            self.registers[offset] &= ~value
            return
        if offset == self.AIRCR:
            if value >> 16 != 0x05FA:
                return
            if value & 0x4:
                self._machine.request_reset()
                return
            value = 0xFA05_0000 | value & 0x0700
        elif offset in (self.SYST_CSR, self.SYST_CVR):
            value = self._write_systick(offset, value)
        elif 0x100 <= offset < 0x120 or 0x180 <= offset < 0x1A0:
            self._switch_interrupts(offset, value)
            return
        elif self.MPU_CTRL <= offset <= self.MPU_RASR_RLAR:
            self.registers[offset] = value
            self._set_up_mpu(offset, value)
        elif offset == self.CCR:
            self._switch_data_cache(value)
        elif self.ICIALLU <= offset < 0xF7C:
            self.maintained.setdefault(offset, []).append(value)
        elif offset == self.VTOR:
            self._interrupts.vectors = value
        elif 0x180 <= offset < 0x200 or offset in (self.CPUID, self.CLIDR, self.CTR, self.CCSIDR):
            return
        self.registers[offset] = value & 0xFFFF_FFFF

    def _switch_interrupts(self, offset: int, value: int) -> None:
        enable, first = offset < 0x180, offset & 0x1F
        for bit in range(32):
            if value >> bit & 1:
                number = 8 * first + bit
                (self._interrupts.enable if enable else self._interrupts.disable)(number)

    def _set_up_mpu(self, offset: int, value: int) -> None:
        registers = self.registers
        base, number = registers[self.MPU_RBAR], registers[self.MPU_RNR]
        if offset == self.MPU_RASR_RLAR:
            self._regions.pop(number, None)
            if value & 1:
                decode = MpuRegion.of_armv8 if self._armv8 else MpuRegion.of_armv7
                self._regions[number] = decode(number, base, value)
        if registers[self.MPU_CTRL] & 1:
            self._machine.protect([region for _, region in sorted(self._regions.items())])

    def _switch_data_cache(self, value: int) -> None:
        """A data cache is switched on empty, and off only with a reason.

        Raises:
            BusError: It holds what it held at power on.
        """
        if not value & ~self.registers[self.CCR] & 1 << 16:
            return
        ways, sets = (self._dcache >> 3 & 0x3FF) + 1, (self._dcache >> 13 & 0x7FFF) + 1
        walked = {*self.maintained.get(self.DCISW, []), *self.maintained.get(self.DCCISW, [])}
        if len(walked) != ways * sets:
            raise BusError(
                f"the data cache is switched on with {len(walked)} of {ways * sets} lines cleared"
            )

    def _write_systick(self, offset: int, value: int) -> int:
        if offset == self.SYST_CSR and value & 0x2:
            raise BusError(
                "the SysTick interrupt is enabled, which the emulator does not deliver",
                hint="use the cycle counter, or poll COUNTFLAG",
            )
        if offset == self.SYST_CVR or (value & 1 and not self.registers[offset] & 1):
            self._tick_start = self._machine.cycles()
            self._tick_seen = 0
        return 0 if offset == self.SYST_CVR else value

    def _read_systick(self, offset: int) -> int:
        control = self.registers[self.SYST_CSR]
        reload = (self.registers[self.SYST_RVR] & 0xFF_FFFF) + 1
        elapsed = self._machine.cycles() - self._tick_start if control & 1 else 0
        if offset == self.SYST_CVR:
            return (reload - 1 - elapsed % reload) if control & 1 else 0
        wraps = elapsed // reload
        flag = 1 << 16 if wraps > self._tick_seen else 0
        self._tick_seen = wraps
        return control & 0x7 | flag


class DataWatchpoint(Peripheral):
    """DWT with its cycle counter, which counts instructions and idle cycles.

    Args:
        system: Holds DEMCR.TRCENA.
        machine: For the time.
    """

    CTRL, CYCCNT, LAR, LSR = 0x000, 0x004, 0xFB0, 0xFB4

    def __init__(self, system: SystemControl, machine: Machine) -> None:
        self._system = system
        self._machine = machine
        self._offset = 0
        reset = dict.fromkeys((self.CYCCNT, 0x008, 0x00C, 0x010, 0x014, 0x018, 0x01C), 0)
        reset |= {self.CTRL: 0x4000_0000, self.LAR: 0, self.LSR: 0x3}
        super().__init__("the DWT", DWT_BASE, 0x1000, reset)

    @property
    def _running(self) -> bool:
        return bool(self.registers[self.CTRL] & 1) and self._system.trace_enabled

    def read_word(self, offset: int) -> int:
        """CYCCNT runs while it is enabled."""
        if offset == self.CYCCNT and self._running:
            return (self._machine.cycles() + self._offset) & 0xFFFF_FFFF
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """Starting, stopping and presetting CYCCNT."""
        if offset == self.CYCCNT:
            self.registers[offset] = value
            self._offset = value - self._machine.cycles()
            return
        if offset == self.CTRL:
            was_running, frozen = self._running, self.read_word(self.CYCCNT)
            self.registers[offset] = 0x4000_0000 | value & 0x0FFF_FFFF
            if self._running and not was_running:
                self._offset = self.registers[self.CYCCNT] - self._machine.cycles()
            elif was_running and not self._running:
                self.registers[self.CYCCNT] = frozen
            return
        self.registers[offset] = value

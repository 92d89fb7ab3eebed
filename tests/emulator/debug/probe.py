"""A debug probe for pyOCD with the simulated chip at its end: SW-DP and one AHB-AP (ADIv5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from debug_chip import BusFaultError, Chip
from pyocd.core import exceptions
from pyocd.probe.debug_probe import DebugProbe

DPIDR, SELECT, RDBUFF = 0x0, 0x8, 0xC
CSW, TAR, DRW, BD0, CFG, BASE, IDR = 0x00, 0x04, 0x0C, 0x10, 0xF4, 0xF8, 0xFC


class SimulatedProbe(DebugProbe):
    """What pyOCD's discovery finds: the probes in :attr:`connected`."""

    connected: ClassVar[list[SimulatedProbe]] = []

    def __init__(self, chip: Chip | None, serial: str = "SIM0") -> None:
        super().__init__()
        self.chip = chip
        self.refuses = ""
        self._serial = serial
        self._open = False
        self._protocol: DebugProbe.Protocol | None = None
        self._dp = {0x4: 0, SELECT: 0}
        self._csw, self._tar = 0x4300_0002, 0
        self._in_reset = False

    @classmethod
    def get_all_connected_probes(
        cls, unique_id: str | None = None, is_explicit: bool = False
    ) -> list[DebugProbe]:
        return list(cls.connected)

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> DebugProbe | None:
        return next((p for p in cls.connected if p.unique_id == unique_id), None)

    @property
    def vendor_name(self) -> str:
        return "imse"

    @property
    def product_name(self) -> str:
        return "simulated"

    @property
    def description(self) -> str:
        return "simulated probe"

    @property
    def supported_wire_protocols(self) -> Any:
        return [DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD]

    @property
    def unique_id(self) -> str:
        return self._serial

    @property
    def wire_protocol(self) -> Any:
        return self._protocol

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def capabilities(self) -> Any:
        return {self.Capability.SWJ_SEQUENCE}

    def open(self) -> None:
        if self.refuses:
            raise exceptions.ProbeError(self.refuses)
        self._open = True

    def close(self) -> None:
        self._open = False

    def connect(self, protocol: Any = None) -> None:
        self._protocol = DebugProbe.Protocol.SWD

    def disconnect(self) -> None:
        self._protocol = None

    def swj_sequence(self, length: int, bits: int) -> None:
        pass

    def set_clock(self, frequency: float) -> None:
        pass

    def reset(self) -> None:
        self._chip().reset()

    def assert_reset(self, asserted: bool) -> None:
        if self._in_reset and not asserted:
            self._chip().reset()
        self._in_reset = asserted

    def is_reset_asserted(self) -> bool:
        return self._in_reset

    def flush(self) -> None:
        pass

    def _chip(self) -> Chip:
        if self.chip is None:
            raise exceptions.TransferError("SWD/JTAG communication failure (No ACK)")
        return self.chip

    def read_dp(self, addr: int, now: bool = True) -> Any:
        self._chip()
        bank = self._dp[SELECT] & 0xF
        value = self._dp.get(addr, 0)
        if addr == DPIDR:
            value = 0x6BA0_2477 if bank == 0 else 0
        elif addr == 0x4 and bank == 0:
            power_up = value & 0x5000_0000
            value |= power_up << 1  # acknowledged at once
        elif addr == 0x4 and bank == 2:
            value = 0x0450_0041  # TARGETID: ST
        elif addr == 0x4:
            value = 0
        return value if now else (lambda: value)

    def write_dp(self, addr: int, data: int) -> None:
        self._chip()
        if addr != 0x4 or self._dp[SELECT] & 0xF == 0:
            self._dp[addr] = data

    def read_ap(self, addr: int, now: bool = True) -> Any:
        value = self._read_ap(addr)
        return value if now else (lambda: value)

    def write_ap(self, addr: int, data: int) -> None:
        chip, register = self._chip(), self._register(addr)
        if register is None:
            return
        if register == CSW:
            self._csw = data
        elif register == TAR:
            self._tar = data
        elif register == DRW:
            shift = 8 * (self._tar & 3)
            size = 1 << (self._csw & 3)
            mask = (1 << 8 * size) - 1
            self._access(lambda: chip.write(self._tar, data >> shift & mask, size))
            self._advance()
        elif BD0 <= register < BD0 + 16:
            self._access(lambda: chip.write((self._tar & ~15) + register - BD0, data))

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> Any:
        values = [self._read_ap(addr) for _ in range(count)]
        return values if now else (lambda: values)

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for value in values:
            self.write_ap(addr, value)

    def _register(self, addr: int) -> int | None:
        """Register of the only access port; others read as not there."""
        return addr & 0xFF if addr >> 24 == 0 else None

    def _read_ap(self, addr: int) -> int:
        chip, register = self._chip(), self._register(addr)
        fixed = {CSW: self._csw | 0x40, TAR: self._tar, CFG: 0, BASE: 0xE00F_E003}
        fixed[IDR] = 0x8477_0001
        if register is None:
            return 0
        if register == DRW:
            size = 1 << (self._csw & 3)
            value = self._access(lambda: chip.read(self._tar, size)) << 8 * (self._tar & 3)
            self._advance()
            return value & 0xFFFF_FFFF
        if BD0 <= register < BD0 + 16:
            return self._access(lambda: chip.read((self._tar & ~15) + register - BD0))
        return fixed.get(register, 0)

    def _advance(self) -> None:
        if self._csw >> 4 & 3:
            self._tar += 1 << (self._csw & 3)

    @staticmethod
    def _access(access: Callable[[], Any]) -> Any:
        try:
            return access()
        except BusFaultError:
            raise exceptions.TransferFaultError from None

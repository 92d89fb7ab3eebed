"""Runs the built image on Unicorn: the real ELF, the target's memory map, modelled peripherals.

Every access outside the map, every write to flash and every misuse of a peripheral is an error
that names address, instruction and function. Instructions are counted exactly and attributed to
functions; the peak of the stack is measured by painting it. The machine is deterministic: while
the firmware waits for UART bytes it stands still, and its time is instructions plus idle cycles.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from unicorn import (
    UC_ARCH_ARM,
    UC_HOOK_BLOCK,
    UC_HOOK_INSN_INVALID,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_MEM_FETCH,
    UC_MEM_FETCH_PROT,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_READ_PROT,
    UC_MEM_READ_UNMAPPED,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    UC_PROT_ALL,
    UC_PROT_EXEC,
    UC_PROT_NONE,
    UC_PROT_READ,
    UC_QUERY_TIMEOUT,
    Uc,
    UcError,
    arm_const,
)

from targets.emulators import doubles
from targets.emulators.bus import Bus, BusError, Peripheral, ProtectedRegion
from targets.emulators.cortexm import DataWatchpoint, SystemControl
from targets.emulators.counter import GuestMemory, InstructionCounter
from targets.emulators.errors import EmulatedFaultError, EmulatorError
from targets.emulators.image import FirmwareImage
from targets.emulators.interrupts import EXCEPTION_RETURN, Interrupts, Timeline
from targets.emulators.machine_link import MachineStats, UnicornTransport
from targets.emulators.power_on import boot_vectors, program
from targets.emulators.registers import EngineRegisters
from targets.emulators.serial import HostUart
from targets.emulators.stack import paint_stack
from targets.model import Target

RAM_AT_POWER_ON = 0xCD
_PAGE = 4096
_PRIVATE_BUS = 0xE000_0000
_IDLE_STEPS = 8
_CPU_MODELS = {
    "cortex-m4": "UC_CPU_ARM_CORTEX_M4",
    "cortex-m7": "UC_CPU_ARM_CORTEX_M7",
    "cortex-m33": "UC_CPU_ARM_CORTEX_M33",
}
_FAMILIES = (
    "alif_e7",
    "stm32n6",
    "imxrt1060",
    "nrf53",
    "rp2350",
    "stm32f4f7",
    "stm32h7",
    "stm32l4",
    "stm32u5",
)
_REGISTERS = {
    **{f"r{index}": getattr(arm_const, f"UC_ARM_REG_R{index}") for index in range(13)},
    "sp": arm_const.UC_ARM_REG_SP,
    "lr": arm_const.UC_ARM_REG_LR,
    "xpsr": arm_const.UC_ARM_REG_XPSR,
}
_INTERRUPTS = {1: "an undefined instruction", 2: "a supervisor call (SVC)", 7: "a breakpoint"}


class UnicornMachine:
    """A board that exists only here.

    Args:
        target: The board and its microcontroller.
        elf_path: The linked image.
        count: Count instructions from the start.
        hang_timeout_s: Longest host time without a byte to or from the firmware before it counts as
            hanging.
        compiled_counter: ``False`` forces the Python counter, ``None`` takes what is installed.

    Raises:
        ImageError: The ELF does not fit the target.
        EmulatorError: The target's core or family is not modelled.
    """

    def __init__(
        self,
        target: Target,
        elf_path: str | Path,
        *,
        count: bool = True,
        hang_timeout_s: float = 120.0,
        compiled_counter: bool | None = None,
    ) -> None:
        mcu = target.mcu
        if mcu.family not in _FAMILIES or mcu.core not in _CPU_MODELS:
            raise EmulatorError(
                f"Unicorn cannot emulate {target.name}: its family {mcu.family} is not modelled",
                hint=f"modelled: {', '.join(sorted(_FAMILIES))}; use QEMU for its own boards",
            )
        self.target = target
        self.image = FirmwareImage(Path(elf_path))
        self._hang_timeout_us = int(hang_timeout_s * 1e6)
        self._said = 0
        self._error: BusError | None = None
        self._access: tuple[str, int] | None = None
        self._idle_cycles = 0
        self._idle = False
        self._aborted = False
        self._dead: EmulatorError | None = None
        self._due = self._returning = self._over = self._timed = self._bounded = False
        self._watched: tuple[str, ...] = ()

        self._memory = GuestMemory(mcu.regions)
        self._engine = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self._engine.ctl_set_cpu_model(getattr(arm_const, _CPU_MODELS[mcu.core]))
        for region in mcu.regions:
            access = UC_PROT_READ | UC_PROT_EXEC if region.kind == "flash" else UC_PROT_ALL
            self._memory.view(region)[:] = 0xFF if region.kind == "flash" else RAM_AT_POWER_ON
            self._engine.mem_map_ptr(
                region.origin, region.size_bytes, access, self._memory.host_address(region)
            )
        program(self._memory, self.image, target)
        self._closed: set[str] = set()
        self._read_only: set[str] = set()
        self._registers = EngineRegisters(self._engine)
        self._has_doubles = mcu.fpu == "fpv5-d16"
        self._counter = InstructionCounter(self._engine, self._memory, compiled=compiled_counter)
        self._reset_requested = False
        self._reset_peripherals()
        for page in self._bus.pages(_PAGE):
            self._map_registers(page)
        self._engine.hook_add(UC_HOOK_MEM_INVALID, self._on_invalid)
        self._engine.hook_add(UC_HOOK_INTR, self._on_interrupt)
        self._engine.hook_add(UC_HOOK_INSN_INVALID, self._on_bad_instruction)
        self._stack = paint_stack(self._memory, self.image)
        self._boot()
        if count:
            self._counter.enable()

    # What peripherals ask of the machine.

    def cycles(self) -> int:
        """Instructions and idle cycles since power on."""
        return self._counter.total + self._idle_cycles

    def stop_idle(self) -> None:
        """Leave the processor in front of the current instruction: it waits for input."""
        self._idle = True
        self._aborted = True
        self._engine.emu_stop()

    def request_reset(self) -> None:
        """Reset processor and peripherals as soon as the current instruction is done."""
        self._reset_requested = True
        self._engine.emu_stop()

    def schedule(self, name: str, cycle: int, action: Callable[[int], None]) -> None:
        """Let a peripheral act at a cycle, whatever the firmware does then."""
        self._timeline.schedule(name, cycle, action)
        if not self._timed:
            self._timed = True
            self._engine.hook_add(UC_HOOK_BLOCK, self._on_block)

    def cancel(self, name: str) -> None:
        """Forget what was scheduled under a name."""
        self._timeline.cancel(name)

    def connect_interrupt(self, number: int, line: Callable[[], bool]) -> None:
        """Let a peripheral request an interrupt as long as ``line`` returns true."""
        self.interrupts.connect(number, line)

    def write_memory(self, address: int, data: bytes) -> None:
        """Bytes that a DMA controller puts into the machine's memory.

        Raises:
            EmulatorError: They do not lie in one region of RAM.
        """
        region = self._memory.find(address)
        if region is None or region.kind != "ram" or not region.contains(address, len(data)):
            raise EmulatorError(f"no {len(data)} bytes of RAM at 0x{address:08x}")
        start = address - region.origin
        view = self._memory.view(region)
        view[start : start + len(data)] = np.frombuffer(data, np.uint8)

    def allow_access(self, region_name: str, *, allowed: bool) -> None:
        """Make a memory that start-up has to set up usable, or not."""
        region = self.target.mcu.region(region_name)
        (self._closed.discard if allowed else self._closed.add)(region_name)
        access = UC_PROT_ALL if allowed else UC_PROT_NONE
        self._engine.mem_protect(region.origin, region.size_bytes, access)

    def protect(self, regions: Sequence[ProtectedRegion]) -> None:
        """Let the MPU's regions hold until the next reset; the last that fits counts.

        Raises:
            BusError: They leave no access to a memory or peripheral that the firmware needs.
        """

        def access(name: str, start: int, size_bytes: int) -> str:
            fitting = [region for region in regions if region.contains(start, size_bytes)]
            if fitting and fitting[-1].access == "none":
                raise BusError(f"the MPU allows no access to {name}")
            return fitting[-1].access if fitting else "write"

        for peripheral in self._bus.all():
            # The processor's own registers are never subject to the MPU.
            if peripheral.base < _PRIVATE_BUS:
                access(peripheral.name, peripheral.base, peripheral.size)
        for memory in self.target.mcu.regions:
            allowed = access(memory.name, memory.origin, memory.size_bytes)
            if allowed == "read" and memory.kind == "ram":
                self._read_only.add(memory.name)
                self._engine.mem_protect(
                    memory.origin, memory.size_bytes, UC_PROT_READ | UC_PROT_EXEC
                )

    @property
    def read_only(self) -> frozenset[str]:
        """Names of the memories that the MPU protects from writing."""
        return frozenset(self._read_only)

    # What the host does.

    def set_counting(self, enabled: bool) -> None:
        """Switch counting on or off; the firmware's cycle counter stands still while it is off."""
        if enabled:
            self._counter.enable()
        else:
            self._counter.disable()

    def run(self) -> None:
        """Run until the firmware waits for UART bytes.

        Raises:
            EmulatedFaultError: The firmware did something the hardware would punish.
            EmulatorError: The firmware hangs.
        """
        if self._dead is not None:
            raise self._dead
        self.uart.resume()
        self._idle = self._aborted = False
        while not self._run_until_stopped():
            self._reset_peripherals()
            self._boot()
        if self._aborted:
            self._counter.undo_from(self._engine.reg_read(arm_const.UC_ARM_REG_PC))
        self._check_stack()

    def _run_until_stopped(self) -> bool:
        """Run; False if the firmware asked for a reset, True if it waits or time is over."""
        while True:
            pc = self._engine.reg_read(arm_const.UC_ARM_REG_PC)
            try:
                # The limit costs a thread each time; a run on the machine's clock ends by itself.
                limit_us = 0 if self._bounded else self._hang_timeout_us
                self._engine.emu_start(pc | 1, 0xFFFF_FFFF, timeout=limit_us)
            except UcError as error:
                self._die(self._fault(str(error)))
            if self._error is not None:
                self._die(self._fault("stopped"))
            if self._reset_requested:
                return False
            if self._returning:
                self._returning = False
                self._let_happen(self.interrupts.leave)
                self._let_happen(self.interrupts.enter)
                continue
            if self._due:
                self._due = False
                # The hooks ran at the start of a block that has not been executed: it is not
                # counted, but the time that falls into it has come.
                now = self.cycles()
                self._counter.undo_from(self._engine.reg_read(arm_const.UC_ARM_REG_PC))
                self._pass_time(now)
                if not self._over:
                    continue
            elif not self._idle and self._engine.query(UC_QUERY_TIMEOUT):
                # The stop may come before a block that is counted already: an instruction or two.
                if not self._talks():
                    self._die(self._hang())
                continue
            elif not self._idle and not self._sleeps():
                self._die(self._hang())
            return True

    def _pass_time(self, now: int) -> None:
        """Let everything happen that is due, then the interrupts it leads to."""
        self._let_happen(lambda: self._timeline.run(now))
        self._let_happen(self.interrupts.enter)

    def _let_happen(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BusError as error:
            self._error, self._access = error, None
            self._die(self._fault("stopped"))

    def run_for(self, seconds: float) -> None:
        """Run for a time on the machine's clock; while the firmware waits, time leaps ahead.

        Args:
            seconds: How long.

        Raises:
            EmulatorError: See :meth:`run`.
        """
        end = self.cycles() + int(seconds * self.target.mcu.clock_hz)
        self._over, self._bounded = False, True
        self.schedule("the end of the run", end, lambda _cycle: setattr(self, "_over", True))
        while not self._over:
            self.run()
            if not self._over and self._timeline.next_cycle is not None:
                self._idle_cycles += max(self._timeline.next_cycle - self.cycles(), 0)
                self._pass_time(self.cycles())
        self._over = self._bounded = False

    def idle(self, seconds: float) -> bytes:
        """Let time pass while the UART is silent; returns what the firmware sends meanwhile.

        Args:
            seconds: How long, on the machine's clock.

        Raises:
            EmulatorError: See :meth:`run`.
        """
        cycles = max(int(seconds * self.target.mcu.clock_hz), 0)
        for step in range(_IDLE_STEPS):
            self._idle_cycles += cycles * (step + 1) // _IDLE_STEPS - cycles * step // _IDLE_STEPS
            self.run()
            data = self.uart.take()
            if data:
                return data
        return b""

    def set_register(self, name: str, value: int) -> None:
        """Set a register of the processor, as a debugger does.

        Args:
            name: ``r0`` to ``r12``, ``sp``, ``lr`` or ``xpsr``.
            value: Its new value.
        """
        self._engine.reg_write(_REGISTERS[name], value)

    def peripheral(self, name: str) -> Peripheral:
        """A modelled peripheral, to look into it and to feed it.

        Raises:
            KeyError: There is none of this name.
        """
        return self._bus.named(name)

    def transport(self) -> UnicornTransport:
        """The UART as a byte transport."""
        return UnicornTransport(self)

    def read_memory(self, address: int, size_bytes: int) -> bytes:
        """Bytes of the machine's memory.

        Raises:
            EmulatorError: They do not lie in one region.
        """
        region = self._memory.find(address)
        if region is None or not region.contains(address, size_bytes):
            raise EmulatorError(f"no {size_bytes} bytes of memory at 0x{address:08x}")
        start = address - region.origin
        return self._memory.view(region)[start : start + size_bytes].tobytes()

    def profile(self) -> dict[str, int]:
        """Instructions per function since power on or :meth:`reset_profile`, most first.

        A block of instructions belongs to the function it starts in. Calls are not included in
        their caller.
        """
        totals: dict[str, int] = {}
        for region in self.target.mcu.regions:
            counts = self._memory.counts(region)
            for half in np.flatnonzero(counts):
                name = self.image.function_at(region.origin + 2 * int(half))
                totals[name] = totals.get(name, 0) + int(counts[half])
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))

    def watch(self, functions: Sequence[str]) -> None:
        """Charge instructions to functions with everything they call, see :meth:`watched`.

        Args:
            functions: Names of functions of the image that do not call each other, and of their
                callers: whoever called gets what runs after a return.

        Raises:
            EmulatorError: The image has no such function.
        """
        spans = {f.name: (f.address, f.size_bytes) for f in self.image.functions}
        missing = [name for name in functions if name not in spans]
        if missing:
            raise EmulatorError(f"the image has no function {missing[0]}")
        self._memory.watch([spans[name] for name in functions])
        self._watched = tuple(functions)

    def watched(self) -> dict[str, int]:
        """Instructions since :meth:`reset_profile` by watched function, its callees included."""
        counts = self._memory.watched()
        return {name: int(count) for name, count in zip(self._watched, counts, strict=False)}

    def reset_profile(self) -> None:
        """Start :meth:`profile` and :meth:`watched` over; the total and the clock go on."""
        self._memory.reset_counts()

    def stats(self) -> MachineStats:
        """What was measured since power on.

        Raises:
            EmulatorError: Code ran that the image does not hold, so the counts are incomplete.
        """
        outside = self._counter.blocks_outside
        if outside:
            raise EmulatorError(
                f"{outside} blocks of code ran outside the image's code: the counts are incomplete",
                hint="an image that copies code to RAM needs its region counted too",
            )
        return MachineStats(
            instructions=self._counter.total,
            idle_cycles=self._idle_cycles,
            stack_bytes=None if self._stack is None else self._stack.size_bytes,
            peak_stack_bytes=None if self._stack is None else self._stack.peak_bytes,
            uart_bytes_received=self.uart.bytes_received,
            uart_bytes_sent=self.uart.bytes_sent,
        )

    # Power on.

    def _reset_peripherals(self) -> None:
        """Bring all peripherals to their reset values; memory keeps its content."""
        mcu = self.target.mcu
        self._reset_requested = False
        for name in self._read_only:
            region = mcu.region(name)
            self._engine.mem_protect(region.origin, region.size_bytes, UC_PROT_ALL)
        self._read_only.clear()
        self._bus = Bus()
        self._timeline = Timeline()
        self.interrupts = Interrupts(self._engine, self)
        self.system = SystemControl(mcu, self, self.interrupts)
        self.interrupts.fpu_enabled = lambda: self.system.fpu_enabled
        self._bus.add(self.system)
        self._bus.add(DataWatchpoint(self.system, self))
        family = import_module(f"targets.emulators.{mcu.family}")
        self.uart: HostUart = family.attach(self._bus, self.target, self)

    def _boot(self) -> None:
        stack, entry = boot_vectors(self.image, self.target, self.read_memory)
        self._engine.reg_write(arm_const.UC_ARM_REG_SP, stack)
        self._engine.reg_write(arm_const.UC_ARM_REG_LR, 0xFFFF_FFFF)
        self._engine.reg_write(arm_const.UC_ARM_REG_PC, entry | 1)

    def _check_stack(self) -> None:
        sp = self._engine.reg_read(arm_const.UC_ARM_REG_SP)
        if self._stack is not None and self._stack.overflowed(sp):
            self._die(
                EmulatorError(
                    f"stack overflow: all {self._stack.size_bytes} bytes of the stack were used",
                    hint="give the stack more room in the linker script",
                )
            )

    # Registers and faults.

    def _map_registers(self, page: int) -> None:
        def read(_engine: Uc, offset: int, size: int, _data: Any) -> int:
            try:
                peripheral = self._bus.find(page + offset)
                return peripheral.read(page + offset - peripheral.base, size)
            except BusError as error:
                self._stop_with(error, "read", page + offset)
                return 0

        def write(_engine: Uc, offset: int, size: int, value: int, _data: Any) -> None:
            try:
                peripheral = self._bus.find(page + offset)
                peripheral.write(page + offset - peripheral.base, size, value)
            except BusError as error:
                self._stop_with(error, "write", page + offset)

        self._engine.mmio_map(page, _PAGE, read, None, write, None)

    def _stop_with(self, error: BusError, access: str, address: int) -> None:
        if self._error is None:
            self._error = error
            self._access = (access, address)
        self._aborted = True
        self._engine.emu_stop()

    def _on_invalid(
        self, _engine: Uc, kind: int, address: int, _size: int, _value: int, _data: Any
    ) -> bool:
        reads = (UC_MEM_READ_UNMAPPED, UC_MEM_READ_PROT)
        fetches = (UC_MEM_FETCH, UC_MEM_FETCH_UNMAPPED, UC_MEM_FETCH_PROT)
        access = "read" if kind in reads else "fetch" if kind in fetches else "write"
        region = self._memory.find(address)
        if region is not None and region.name in self._closed:
            what = f"{region.name} is used before it is set up"
        elif region is not None and region.name in self._read_only:
            what = f"{region.name} is protected from writing by the MPU"
        elif region is not None:
            what = f"{region.name} cannot be written by the program"
        else:
            what = "no memory or modelled peripheral is there"
        self._error = BusError(what)
        self._access = (access, address)
        return False

    def _on_block(self, engine: Uc, _address: int, _size: int, _data: Any) -> None:
        next_cycle = self._timeline.next_cycle
        if next_cycle is not None and self.cycles() >= next_cycle:
            self._due = True
            engine.emu_stop()

    def _on_interrupt(self, engine: Uc, number: int, _data: Any) -> None:
        if number == EXCEPTION_RETURN and self.interrupts.in_handler:
            self._returning = True
            engine.emu_stop()
            return
        self._error = BusError(_INTERRUPTS.get(number, f"exception {number}"))
        self._access = None
        engine.emu_stop()

    def _on_bad_instruction(self, engine: Uc, _data: Any) -> bool:
        pc = engine.reg_read(arm_const.UC_ARM_REG_PC)
        if self._has_doubles and self._memory.find(pc) is not None:
            first, second = struct.unpack("<HH", self.read_memory(pc, 4))
            if self.system.fpu_enabled and doubles.execute(first << 16 | second, self._registers):
                self._registers.advance(pc + 4)
                return True
        self._error = BusError("an undefined instruction")
        self._access = None
        return False

    def _fault(self, fallback: str) -> EmulatedFaultError:
        pc = self._engine.reg_read(arm_const.UC_ARM_REG_PC)
        error = self._error or BusError(fallback)
        address = None
        what = f"fault ({error.message})"
        if self._access is not None:
            access, address = self._access
            what = f"bad {access} at 0x{address:08x} ({error.message})"
        hint = error.hint
        sp = self._engine.reg_read(arm_const.UC_ARM_REG_SP)
        if self._stack is not None and sp < self._stack.bottom:
            what = f"stack overflow: {what}"
            end = self._stack.bottom
            hint = f"the stack pointer 0x{sp:08x} is below the stack's end 0x{end:08x}"
        function = self.image.function_at(pc)
        if self.image.function_index(pc) is None:
            caller = self._engine.reg_read(arm_const.UC_ARM_REG_LR) & ~1
            function += f" (return address 0x{caller:08x} in {self.image.function_at(caller)})"
        return EmulatedFaultError(
            what,
            pc=pc,
            function=function,
            registers={name: self._engine.reg_read(number) for name, number in _REGISTERS.items()},
            address=address,
            hint=hint,
        )

    def _talks(self) -> bool:
        """Whether the firmware has sent something since the last call, such as its progress."""
        before, self._said = self._said, self.uart.bytes_sent
        return self._said > before

    def _hang(self) -> EmulatorError:
        pc = self._engine.reg_read(arm_const.UC_ARM_REG_PC)
        return EmulatorError(
            f"the firmware ran for {self._hang_timeout_us / 1e6:g} s without using the UART, "
            f"last at 0x{pc:08x} in {self.image.function_at(pc)}",
            hint="it may wait for something the emulator does not model",
        )

    def _sleeps(self) -> bool:
        """Whether the processor has just executed WFI or WFE: it waits for an interrupt."""
        pc = self._engine.reg_read(arm_const.UC_ARM_REG_PC)
        return self.read_memory(pc - 2, 2) in (b"\x30\xbf", b"\x20\xbf")

    def _die(self, error: EmulatorError) -> None:
        self._dead = error
        raise error


__all__ = ["MachineStats", "UnicornMachine", "UnicornTransport"]

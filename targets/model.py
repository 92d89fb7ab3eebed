"""What the tool knows about a board and its microcontroller.

All objects are immutable and carry only data: figures come from the TOML files next to this
module, and every figure has its source in ``sources`` (or in the ``source`` of its region).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RegionKind = Literal["flash", "ram"]

REGION_KINDS: tuple[str, ...] = ("flash", "ram")

ROLES: Mapping[str, str] = {
    "code": "vector table, program code and constants",
    "weights": "weights of the network",
    "data": "initialised data, zeroed data and frame buffers",
    "stack": "the main stack",
    "arena": "activations of the network",
    "state": "state the network carries from frame to frame",
    "hot": "data read and written most often",
    "hot_code": "code that runs most often",
    "dma": "buffers shared with DMA controllers",
    "boot": "what the chip's boot ROM reads before the vector table",
}
"""Role of a region -> what the linker places there."""

SUPPLIES: tuple[str, ...] = ("ldo", "smps")
"""How a board may feed the core: linear regulator, or step-down converter."""

REQUIRED_ROLES: tuple[str, ...] = ("code", "weights", "data", "stack", "arena", "state")
"""Roles that some region of every microcontroller must have."""


@dataclass(frozen=True)
class MemoryRegion:
    """One memory of the microcontroller as the processor sees it.

    Attributes:
        name: Identifier for linker scripts, e.g. ``AXI_SRAM``.
        origin: First address.
        size_bytes: Size in bytes.
        kind: ``flash`` (read and execute) or ``ram``.
        roles: What the linker may place here, see :data:`ROLES`.
        description: One line for people.
        source: Where origin and size are documented.
        external: Whether it is a memory chip on the board that start-up has to set up.
        loaded: Whether it is RAM in which a debugger or a first stage puts the image, as a chip
            without flash has it: a reset does not start what lies there.
        read_bytes_per_s: What reading it in order gives at best, where that is far below what the
            processor could take; 0 where it is not.
    """

    name: str
    origin: int
    size_bytes: int
    kind: RegionKind
    roles: tuple[str, ...]
    description: str
    source: str
    external: bool = False
    loaded: bool = False
    read_bytes_per_s: int = 0

    @property
    def end(self) -> int:
        """First address behind the region."""
        return self.origin + self.size_bytes

    @property
    def size_log2(self) -> int:
        """The power of two that holds the region, for memory protection."""
        return (self.size_bytes - 1).bit_length()

    def contains(self, address: int, size_bytes: int = 1) -> bool:
        """Whether ``size_bytes`` bytes from ``address`` all lie in the region."""
        return self.origin <= address and address + size_bytes <= self.end

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "name": self.name,
            "origin": self.origin,
            "size_bytes": self.size_bytes,
            "kind": self.kind,
            "roles": list(self.roles),
            "description": self.description,
            "source": self.source,
            "external": self.external,
            "loaded": self.loaded,
            "read_bytes_per_s": self.read_bytes_per_s,
        }


@dataclass(frozen=True)
class MacsPerCycle:
    """Int8 multiply-accumulates per processor cycle, as a planning figure.

    Attributes:
        value: MAC per cycle, averaged over a whole convolutional network.
        source: The measurement or publication it is taken from.
    """

    value: float
    source: str

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {"value": self.value, "source": self.source}


@dataclass(frozen=True)
class RegisterBits:
    """Bits of a register that a debug probe can read.

    Attributes:
        address: Address of a 32-bit register.
        mask: The bits of it that count.
        value: What they must be.
    """

    address: int
    mask: int
    value: int

    def matches(self, word: int) -> bool:
        """Whether a value read from the register is the one wanted."""
        return word & self.mask == self.value

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {"address": self.address, "mask": self.mask, "value": self.value}


@dataclass(frozen=True)
class DebugNames:
    """What flash tools call this chip; ``None`` where a tool does not know it.

    Attributes:
        pyocd: pyOCD target type.
        pyocd_pack: CMSIS device family pack that pyOCD needs, ``None`` if built in.
        openocd: OpenOCD configuration file of the chip (``target/….cfg``).
        jlink: SEGGER device name.
        stm32: Whether ST's tools (stlink, STM32CubeProgrammer) know it.
        device_id: Identity of the chip, ``None`` if unknown: it is then not checked.
        open_flash: What says that no sector of the flash that holds the code is protected from
            writing, ``None`` if unknown.
    """

    pyocd: str | None = None
    pyocd_pack: str | None = None
    openocd: str | None = None
    jlink: str | None = None
    stm32: bool = False
    device_id: RegisterBits | None = None
    open_flash: RegisterBits | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "pyocd": self.pyocd,
            "pyocd_pack": self.pyocd_pack,
            "openocd": self.openocd,
            "jlink": self.jlink,
            "stm32": self.stm32,
            "device_id": self.device_id.to_json() if self.device_id else None,
            "open_flash": self.open_flash.to_json() if self.open_flash else None,
        }


@dataclass(frozen=True)
class Npu:
    """An Ethos-U beside the processor, as Arm's compiler vela models it.

    Attributes:
        accelerator: Name for ``--accelerator-config``, e.g. ``ethos-u55-256``.
        system_config: Section of vela's configuration with the memories' speed.
        memory_mode: Section of vela's configuration with where things lie.
        clock_hz: Its clock in hertz.
        source: Where that is documented.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    clock_hz: int
    source: str

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "accelerator": self.accelerator,
            "system_config": self.system_config,
            "memory_mode": self.memory_mode,
            "clock_hz": self.clock_hz,
            "source": self.source,
        }


@dataclass(frozen=True)
class Mcu:
    """One microcontroller.

    Attributes:
        name: File name without suffix, e.g. ``stm32h743``.
        title: Name for people.
        family: Folder of the firmware platform, e.g. ``stm32h7``.
        core: Processor core, e.g. ``cortex-m7``.
        cpu_flags: Arguments of ``arm-none-eabi-gcc`` that select core and FPU.
        fpu: FPU as GCC names it (``fpv5-d16``) or ``None``.
        has_dsp: Whether the DSP (SIMD) instructions exist.
        has_mve: Whether Helium (MVE) exists.
        clock_hz: Processor clock the firmware sets, in hertz.
        icache_bytes: Instruction cache, 0 if there is none.
        dcache_bytes: Data cache, 0 if there is none.
        regions: Memories in order of preference for their roles.
        macs_per_cycle: Planning figure.
        debug: Names in flash tools.
        npu: Ethos-U beside it, ``None`` if there is none.
        sources: Key -> document, for every figure that is not in a region.
    """

    name: str
    title: str
    family: str
    core: str
    cpu_flags: tuple[str, ...]
    fpu: str | None
    has_dsp: bool
    has_mve: bool
    clock_hz: int
    icache_bytes: int
    dcache_bytes: int
    regions: tuple[MemoryRegion, ...]
    macs_per_cycle: MacsPerCycle
    debug: DebugNames
    npu: Npu | None
    sources: Mapping[str, str]

    def region(self, name: str) -> MemoryRegion:
        """Return the region called ``name``.

        Raises:
            KeyError: The microcontroller has no such region.
        """
        for region in self.regions:
            if region.name == name:
                return region
        raise KeyError(name)

    def region_for(self, role: str) -> MemoryRegion:
        """Return the preferred region for a role: the first that has it.

        Raises:
            KeyError: No region has the role.
        """
        for region in self.regions:
            if role in region.roles:
                return region
        raise KeyError(role)

    def region_at(self, address: int) -> MemoryRegion | None:
        """Return the region an address lies in, or ``None``."""
        for region in self.regions:
            if region.contains(address):
                return region
        return None

    @property
    def flash_bytes(self) -> int:
        """Sum of all flash regions in bytes."""
        return sum(r.size_bytes for r in self.regions if r.kind == "flash")

    @property
    def ram_bytes(self) -> int:
        """Sum of all RAM regions in bytes."""
        return sum(r.size_bytes for r in self.regions if r.kind == "ram")

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "name": self.name,
            "title": self.title,
            "family": self.family,
            "core": self.core,
            "cpu_flags": list(self.cpu_flags),
            "fpu": self.fpu,
            "has_dsp": self.has_dsp,
            "has_mve": self.has_mve,
            "clock_hz": self.clock_hz,
            "icache_bytes": self.icache_bytes,
            "dcache_bytes": self.dcache_bytes,
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
            "regions": [region.to_json() for region in self.regions],
            "macs_per_cycle": self.macs_per_cycle.to_json(),
            "debug": self.debug.to_json(),
            "npu": self.npu.to_json() if self.npu else None,
            "sources": dict(sorted(self.sources.items())),
        }


@dataclass(frozen=True)
class ClockEnable:
    """The bit that switches a peripheral's clock on.

    Attributes:
        register: Address of the 32-bit register.
        bit: Number of the bit.
    """

    register: int
    bit: int

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {"register": self.register, "bit": self.bit}


@dataclass(frozen=True)
class Uart:
    """The serial port the firmware talks over.

    Attributes:
        peripheral: Name in the reference manual, e.g. ``USART3``.
        base: Address of its registers.
        baud: Bits per second.
        tx_pin: Transmit pin (``PD8``), ``None`` where pins do not exist.
        rx_pin: Receive pin, ``None`` where pins do not exist.
        af: Alternate function number of both pins, ``None`` where it does not apply.
        enable: What switches its clock on, ``None`` where the family's code does it by itself.
    """

    peripheral: str
    base: int
    baud: int
    tx_pin: str | None = None
    rx_pin: str | None = None
    af: int | None = None
    enable: ClockEnable | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "peripheral": self.peripheral,
            "base": self.base,
            "baud": self.baud,
            "tx_pin": self.tx_pin,
            "rx_pin": self.rx_pin,
            "af": self.af,
            "enable": self.enable.to_json() if self.enable else None,
        }


@dataclass(frozen=True)
class Oscillator:
    """The clock the board feeds into the microcontroller.

    Attributes:
        hz: Frequency in hertz.
        bypass: True for a clock signal, False for a crystal.
    """

    hz: int
    bypass: bool

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {"hz": self.hz, "bypass": self.bypass}


@dataclass(frozen=True)
class Wire:
    """One signal between the board and the audio parts.

    Attributes:
        pin: Pin of the microcontroller.
        connector: Where it is on the board.
        signal: What the peripheral calls it.
        microphone: Pin of the microphone, empty if it does not go there.
        dac: Pin of the DAC, empty if it does not go there.
    """

    pin: str
    connector: str
    signal: str
    microphone: str
    dac: str

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "pin": self.pin,
            "connector": self.connector,
            "signal": self.signal,
            "microphone": self.microphone,
            "dac": self.dac,
        }


@dataclass(frozen=True)
class Audio:
    """Microphone and DAC on the board's I2S.

    Attributes:
        driver: Source file of the driver, ``csrc/audio/<driver>.c``.
        microphone: Parts it is made for.
        dac: Parts it is made for.
        wires: How they are connected.
    """

    driver: str
    microphone: str
    dac: str
    wires: tuple[Wire, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "driver": self.driver,
            "microphone": self.microphone,
            "dac": self.dac,
            "wires": [wire.to_json() for wire in self.wires],
        }


@dataclass(frozen=True)
class StandInSpec:
    """What an emulator has in place of a board that it has not.

    Attributes:
        board: Target of the emulated machine: it lends clock, UART and cycle counter.
        moved: Memories for which the machine has none at their address: name -> origin there.
    """

    board: str
    moved: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {"board": self.board, "moved": dict(sorted(self.moved.items()))}


@dataclass(frozen=True)
class EmulatorSpec:
    """Which emulator runs the image of a board, and as what.

    Attributes:
        kind: ``unicorn`` or ``qemu``.
        machine: QEMU machine name; the core's name for Unicorn.
        stand_in: What the machine is where it is not the board; ``None`` where it is.
    """

    kind: str
    machine: str
    stand_in: StandInSpec | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        stand_in = self.stand_in.to_json() if self.stand_in else None
        return {"kind": self.kind, "machine": self.machine, "stand_in": stand_in}


@dataclass(frozen=True)
class Board:
    """One board.

    Attributes:
        name: File name without suffix, e.g. ``nucleo_h743zi2``.
        title: Name for people.
        uart: Serial port to the host.
        oscillator: External clock, ``None`` if the board has none.
        supply: How the core is supplied where the chip leaves a choice: ``ldo`` or ``smps``.
        audio: Microphone and DAC, ``None`` without a driver for them.
        probe: Debug probe on the board, ``None`` if it has none.
        virtual_com: Whether the probe carries the UART to the host over USB.
        openocd: OpenOCD configuration of the whole board, ``None`` if there is none.
        emulator: How to run its image without the board, ``None`` if nothing can.
        sources: Key -> document.
    """

    name: str
    title: str
    uart: Uart
    oscillator: Oscillator | None
    supply: str
    audio: Audio | None
    probe: str | None
    virtual_com: bool
    openocd: str | None
    emulator: EmulatorSpec | None
    sources: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "name": self.name,
            "title": self.title,
            "uart": self.uart.to_json(),
            "oscillator": self.oscillator.to_json() if self.oscillator else None,
            "supply": self.supply,
            "audio": self.audio.to_json() if self.audio else None,
            "probe": self.probe,
            "virtual_com": self.virtual_com,
            "openocd": self.openocd,
            "emulator": self.emulator.to_json() if self.emulator else None,
            "sources": dict(sorted(self.sources.items())),
        }


@dataclass(frozen=True)
class Target:
    """A board together with its microcontroller: what firmware is built for.

    Attributes:
        name: The board's name.
        title: Name for people.
        aliases: Other names the command line accepts.
        mcu: The microcontroller.
        board: The board.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    mcu: Mcu
    board: Board

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "name": self.name,
            "title": self.title,
            "aliases": list(self.aliases),
            "mcu": self.mcu.to_json(),
            "board": self.board.to_json(),
        }

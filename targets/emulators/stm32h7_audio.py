"""DMA and serial audio interface of the STM32H743 (ST RM0433), word by word.

The interface asks for a word each way and slot when the hardware would, at the cycle that its
clocks give; the DMA moves it from or to memory there and then, while the firmware runs. Everything
that would make silence, noise or stale samples on a board is an error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.emulators.stm32 import Pins, storage
from targets.model import Target

_IRQS = (11, 12, 13, 14, 15, 16, 17, 47)
_REQUEST_A, _REQUEST_B = 87, 88
_IRQ_SAI1 = 87
_RATE_HZ, _RATE_TOLERANCE = 16000, 1e-3


class AudioClocks(Protocol):
    """What the audio peripherals ask of reset and clock control."""

    def bit(self, offset: int, bit: int) -> bool:
        """Whether a bit of a register is set."""

    def cpu_hz(self) -> float:
        """Processor clock."""

    def sai1_kernel_hz(self) -> float:
        """Kernel clock of SAI1."""


class Dma(Peripheral):
    """DMA1 with the request multiplexer of its streams.

    Args:
        target: For the memories that it reaches.
        machine: Whose memory it moves.
        clock: Returns whether its clock is on.
    """

    LISR, HISR, LIFCR, HIFCR = 0x00, 0x04, 0x08, 0x0C
    CR, NDTR, PAR, M0AR = 0x10, 0x14, 0x18, 0x1C
    _STRIDE, _STREAMS = 0x18, 8
    _ERROR, _HALF, _COMPLETE = 1 << 3, 1 << 4, 1 << 5
    _ERROR_ENABLE = 1 << 2
    _SHIFTS = (0, 6, 16, 22)
    # EN, circular, memory increment, 32 bits on both sides.
    _RING = 1 << 0 | 1 << 8 | 1 << 10 | 2 << 11 | 2 << 13

    def __init__(self, target: Target, machine: Machine, clock: Callable[[], bool]) -> None:
        super().__init__("DMA1", 0x4002_0000, 0x400, storage(range(0x00, 0xD0, 4)), clock)
        self.multiplexer = Peripheral(
            "DMAMUX1", 0x4002_0800, 0x400, storage(range(0x00, 0x44, 4)), clock
        )
        self._target = target
        self._machine = machine
        self._length = [0] * self._STREAMS
        for stream, number in enumerate(_IRQS):
            machine.connect_interrupt(number, lambda stream=stream: self._requests(stream))  # type: ignore[misc]

    def write_word(self, offset: int, value: int) -> None:
        """Clearing flags, starting streams."""
        if offset in (self.LIFCR, self.HIFCR):
            self.registers[offset - 8] &= ~value
            return
        if offset in (self.LISR, self.HISR):
            raise BusError("DMA1's flags are read only; clear them in LIFCR and HIFCR")
        stream, register = divmod(offset - self.CR, self._STRIDE)
        running = 0 <= stream < self._STREAMS and self.registers[self._at(stream, self.CR)] & 1
        if running and register in (self.NDTR - self.CR, self.PAR - self.CR, self.M0AR - self.CR):
            raise BusError(f"DMA1 stream {stream} is set up while it runs")
        self.registers[offset] = value
        if register == 0 and value & 1 and not running and 0 <= stream < self._STREAMS:
            self._start(stream)

    def move(self, request: int, register: int, word: int | None) -> int | None:
        """Serve a request of a peripheral.

        Args:
            request: Its number at the multiplexer.
            register: Address of the peripheral's data register.
            word: What it has received, ``None`` if it wants something to send.

        Returns:
            What it sends, or has received; ``None`` if no stream serves it.

        Raises:
            BusError: The stream is set up for something else.
        """
        for stream in range(self._STREAMS):
            control = self.registers[self._at(stream, self.CR)]
            if self.multiplexer.registers[4 * stream] & 0x7F == request and control & 1:
                return self._move(stream, control, register, word)
        return None

    def fail(self, stream: int) -> None:
        """Let a stream meet a bus error: it says so and stops."""
        self.registers[self._at(stream, self.CR)] &= ~1
        self._raise(stream, self._ERROR)

    def _move(self, stream: int, control: int, register: int, word: int | None) -> int:
        if (control >> 6 & 3 == 1) != (word is None) or control & self._RING != self._RING:
            raise BusError(f"DMA1 stream {stream} has the wrong direction, size or mode (CR)")
        if self.registers[self._at(stream, self.PAR)] != register:
            raise BusError(f"DMA1 stream {stream} does not point at the requesting register (PAR)")
        left, length = self.registers[self._at(stream, self.NDTR)], self._length[stream]
        address = self.registers[self._at(stream, self.M0AR)] + 4 * (length - left)
        if word is None:
            word = int.from_bytes(self._machine.read_memory(address, 4), "little")
        else:
            self._machine.write_memory(address, word.to_bytes(4, "little"))
        left -= 1
        if left == length // 2:
            self._raise(stream, self._HALF)
        if left == 0:
            left = length
            self._raise(stream, self._COMPLETE)
        self.registers[self._at(stream, self.NDTR)] = left
        return word

    def _start(self, stream: int) -> None:
        self._length[stream] = self.registers[self._at(stream, self.NDTR)]
        address, size = self.registers[self._at(stream, self.M0AR)], 4 * self._length[stream]
        region = self._target.mcu.region_at(address)
        if region is None or not region.contains(address, size) or "dma" not in region.roles:
            where = region.name if region is not None else f"0x{address:08x}"
            raise BusError(
                f"DMA1 stream {stream} uses {size} bytes in {where}: not reached by it, or cached",
                hint="put the buffer into IMSE_AUDIO_DMA memory",
            )
        if self._flags(stream):
            raise BusError(f"DMA1 stream {stream} is started with old flags set (LIFCR, HIFCR)")

    def _at(self, stream: int, register: int) -> int:
        return register + self._STRIDE * stream

    def _flags(self, stream: int) -> int:
        return self.registers[4 * (stream // 4)] >> self._SHIFTS[stream % 4] & 0x3F

    def _raise(self, stream: int, flag: int) -> None:
        self.registers[4 * (stream // 4)] |= flag << self._SHIFTS[stream % 4]

    def _requests(self, stream: int) -> bool:
        control, flags = self.registers[self._at(stream, self.CR)], self._flags(stream)
        causes = (
            (self._ERROR, self._ERROR_ENABLE),
            (self._HALF, 1 << 3),
            (self._COMPLETE, 1 << 4),
        )
        return any(flags & flag and control & enable for flag, enable in causes)


class Sai(Peripheral):
    """SAI1: block A owns the clock and sends, block B receives in step with it.

    Attributes:
        microphone: Words that the microphone will say, in the left slot; silence when empty.
        played: Words that the DAC has heard, left and right.

    Args:
        target: The board.
        rcc: Clocks.
        pins: GPIO ports.
        dma: Moves the words.
        machine: For the time.
    """

    A, B = 0x04, 0x24
    CR1, CR2, FRCR, SLOTR, IM, SR, CLRFR, DR = range(0x00, 0x20, 4)
    _OVRUDR, _MUTE = 1 << 0, 1 << 5
    _I2S_FRAME, _I2S_SLOTS = 63 | 31 << 8 | 1 << 16 | 1 << 18, 2 << 6 | 1 << 8 | 3 << 16

    def __init__(
        self, target: Target, rcc: AudioClocks, pins: Pins, dma: Dma, machine: Machine, enable: int
    ) -> None:
        reset = storage(range(0x00, 0x50, 4)) | {0x04: 0x40, 0x24: 0x40, 0x0C: 7, 0x2C: 7}
        clock = lambda: rcc.bit(enable, 22)  # noqa: E731
        super().__init__("SAI1", 0x4001_5800, 0x400, reset, clock)
        self._target = target
        self._rcc = rcc
        self._pins = pins
        self._dma = dma
        self._machine = machine
        self._frames = 0
        self._first_cycle = 0
        self._cycles_per_frame = 0.0
        self.microphone: deque[int] = deque()
        self.played: list[tuple[int, int]] = []
        machine.connect_interrupt(_IRQ_SAI1, self._requests)

    def write_word(self, offset: int, value: int) -> None:
        """The clock's owner starts the frames."""
        was_on = self.registers[self.A] >> 16 & 1
        if offset in (self.A, self.B) and not value >> 16 & 1 and self.registers[offset] >> 16 & 1:
            raise BusError("stopping the SAI is not modelled")
        if offset in (self.A + self.CLRFR, self.B + self.CLRFR):
            self.registers[offset - self.CLRFR + self.SR] &= ~value
            return
        self.registers[offset] = value & ~8 if offset in (0x08, 0x28) else value
        if offset == self.A and value >> 16 & 1 and not was_on:
            self._start()

    def _start(self) -> None:
        registers = self.registers
        for block, mode in ((self.A, 0), (self.B, 3)):
            control = registers[block]
            if control & 3 != mode or control >> 16 & 3 != 3:
                raise BusError("SAI1's blocks must be on with DMA, A as master sender, B as slave")
            if control >> 5 & 7 != 7 or not control >> 9 & 1:
                raise BusError("SAI1's words must have 32 bits, sampled on the rising edge")
            frame, slots = registers[block + self.FRCR], registers[block + self.SLOTR]
            if frame != self._I2S_FRAME or slots != self._I2S_SLOTS:
                raise BusError("SAI1's frame is not that of I2S with two slots of 32 bits")
        if registers[self.B] >> 10 & 3 != 1:
            raise BusError("SAI1's block B does not follow block A (CR1.SYNCEN)")
        for pin in ("PE3", "PE4", "PE5", "PE6"):
            self._pins.check(pin, 6, "SAI1")
        divider = max(registers[self.A] >> 20 & 0x3F, 1)
        if not registers[self.A] >> 19 & 1:
            raise BusError("SAI1 with a master clock is not modelled (CR1.NODIV)")
        rate = self._rcc.sai1_kernel_hz() / divider / 64
        if abs(rate - _RATE_HZ) > _RATE_TOLERANCE * _RATE_HZ:
            raise BusError(f"SAI1 runs at {rate:.1f} frames a second, expected {_RATE_HZ}")
        self._cycles_per_frame = self._rcc.cpu_hz() / rate
        self._first_cycle = self._machine.cycles()
        self._frames = 0
        self._schedule()

    def _schedule(self) -> None:
        self._frames += 1
        cycle = self._first_cycle + round(self._frames * self._cycles_per_frame)
        self._machine.schedule("a frame of SAI1", cycle, self._frame)

    def _frame(self, _cycle: int) -> None:
        heard = (self.microphone.popleft() if self.microphone else 0, 0)
        said = []
        for word in heard:
            out = self._dma.move(_REQUEST_A, self.base + self.A + self.DR, None)
            taken = self._dma.move(_REQUEST_B, self.base + self.B + self.DR, word)
            self._miss(self.A, missed=out is None)
            self._miss(self.B, missed=taken is None)
            muted = self.registers[self.A + self.CR2] & self._MUTE
            said.append(0 if out is None or muted else out)
        self.played.append((said[0], said[1]))
        self._schedule()

    def _miss(self, block: int, *, missed: bool) -> None:
        """A word that no DMA stream has moved.

        Raises:
            BusError: The firmware has not asked to be told (IM.OVRUDRIE), and is not being told.
        """
        if not missed:
            return
        told = self.registers[block + self.SR] & self._OVRUDR
        if not told and not self.registers[block + self.IM] & self._OVRUDR:
            raise BusError("SAI1 asks for a word and no DMA stream serves it")
        self.registers[block + self.SR] |= self._OVRUDR

    def _requests(self) -> bool:
        words, blocks = self.registers, (self.A, self.B)
        return any(words[b + self.SR] & words[b + self.IM] & self._OVRUDR for b in blocks)


def attach_audio(
    bus: Bus,
    target: Target,
    machine: Machine,
    rcc: AudioClocks,
    pins: Pins,
    enables: tuple[int, int],
) -> None:
    """Put DMA1, its multiplexer and SAI1 on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.
        rcc: Clocks.
        pins: GPIO ports.
        enables: Offsets of AHB1ENR and APB2ENR in the RCC.
    """
    dma = Dma(target, machine, lambda: rcc.bit(enables[0], 0))
    sai = Sai(target, rcc, pins, dma, machine, enables[1])
    for peripheral in (dma, dma.multiplexer, sai):
        bus.add(peripheral)


__all__ = ["Dma", "Sai", "attach_audio"]

"""Runs compiled C on an emulated Cortex-M7 and counts instructions per function and layer."""

from __future__ import annotations

import subprocess
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from unicorn import (
    UC_ARCH_ARM,
    UC_HOOK_BLOCK,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    Uc,
    arm_const,
)

FLAGS = [
    "-mcpu=cortex-m7",
    "-mthumb",
    "-mfloat-abi=hard",
    "-mfpu=fpv5-d16",
    "-O2",
    "-std=c99",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffunction-sections",
    "-fdata-sections",
]
_FLASH, _RAM, _RETURN = 0x08000000, 0x24000000, 0x08FFF000
_SIZE = 0x1000000
_STACK = _RAM + 0xF00000
_SCRATCH = _RAM + 0xF10000


def build(files: Mapping[str, bytes], folder: Path, keep: Sequence[str]) -> Path:
    """Compile and link C files; `keep` are the functions that are called."""
    sources = []
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        if path.endswith(".c"):
            sources.append(path)
    elf = folder / "m7.elf"
    includes = sorted({f"-I{Path(path).parent}" for path in files})
    undefined = [f"-Wl,-u,{name}" for name in keep]
    subprocess.run(
        ["arm-none-eabi-gcc", *FLAGS, *includes, *sources, "-nostartfiles", "--specs=nano.specs",
         "-Wl,--gc-sections", f"-Wl,-e,{keep[0]}", *undefined, f"-Wl,-Ttext={_FLASH:#x}",
         f"-Wl,-Tdata={_RAM:#x}", f"-Wl,-Tbss={_RAM + 0x10000:#x}", "-Wl,--no-warn-rwx-segments",
         "-o", str(elf)],
        check=True, cwd=folder,
    )  # fmt: skip
    return elf


class M7:
    """One image in an emulated core."""

    def __init__(self, elf: Path) -> None:
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M7)
        self.uc.mem_map(_FLASH, _SIZE)
        self.uc.mem_map(_RAM, _SIZE)
        with elf.open("rb") as stream:
            image = ELFFile(stream)
            for segment in image.iter_segments("PT_LOAD"):
                self.uc.mem_write(segment["p_vaddr"], segment.data())
            symbols = list(image.get_section_by_name(".symtab").iter_symbols())
            self.sizes = {s.name: s["st_size"] for s in symbols}
        self.symbols = {s.name: s["st_value"] for s in symbols if s.name}
        functions = sorted(
            (s["st_value"] & ~1, s.name) for s in symbols if s["st_info"]["type"] == "STT_FUNC"
        )
        self._starts = [start for start, _ in functions]
        self._names = [name for _, name in functions]
        self._blocks: dict[int, tuple[str, int]] = {}
        self.functions: Counter[str] = Counter()
        self.layers: Counter[str] = Counter()
        self._layer = ""
        self._scratch = _SCRATCH
        self.uc.hook_add(UC_HOOK_BLOCK, self._block)

    def _block(self, uc: Uc, address: int, size: int, _: object) -> None:
        known = self._blocks.get(address)
        if known is None:
            code = np.frombuffer(bytes(uc.mem_read(address, size)), "<u2")
            count = position = 0
            while position < len(code):
                position += 2 if int(code[position]) >> 11 >= 0x1D else 1
                count += 1
            name = self._names[bisect_right(self._starts, address) - 1]
            known = self._blocks[address] = (name, count)
        name, count = known
        self.functions[name] += count
        if name.startswith("layer_") or name == "imse_network_invoke":
            self._layer = name
        self.layers[self._layer] += count

    def alloc(self, data: np.ndarray) -> int:
        """Copy an array into RAM."""
        address = self._scratch
        self.uc.mem_write(address, data.tobytes())
        self._scratch += -(-data.nbytes // 16) * 16 + 16
        return address

    def read(self, address: int, like: np.ndarray) -> np.ndarray:
        """Read an array of the type and shape of another one."""
        raw = bytes(self.uc.mem_read(address, like.nbytes))
        return np.frombuffer(raw, like.dtype).reshape(like.shape)

    def call(self, name: str, *arguments: int) -> int:
        """Call a function; returns the instructions it took."""
        before = sum(self.functions.values())
        registers = [getattr(arm_const, f"UC_ARM_REG_R{i}") for i in range(4)]
        for register, value in zip(registers, arguments, strict=False):
            self.uc.reg_write(register, value)
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, _STACK)
        self.uc.reg_write(arm_const.UC_ARM_REG_LR, _RETURN | 1)
        self.uc.emu_start(self.symbols[name] | 1, _RETURN)
        assert self.uc.reg_read(arm_const.UC_ARM_REG_PC) == _RETURN
        return sum(self.functions.values()) - before

    def result(self) -> int:
        """Return value of the last call."""
        value = self.uc.reg_read(arm_const.UC_ARM_REG_R0)
        assert isinstance(value, int)
        return value

"""The front end compiled for the Cortex-M7 gives the host's bits, within its budget."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reference_frontend import CSRC, FLOAT_FLAGS, HOP, WARNINGS, Frontend, config_header

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None,
        reason="arm-none-eabi-gcc is not installed (apt: gcc-arm-none-eabi)",
    ),
]

CODE, RAM, RAM_BYTES = 0x08000000, 0x20000000, 0x20000
STATE, PCM, FEATURES, MASK, PHASE, OUT = (RAM + 0x2000 * i for i in range(1, 7))
STACK_TOP = RAM + RAM_BYTES
INSTRUCTION_BUDGET = 125_000


class CortexM7:
    """Calls functions of a linked ELF and counts their instructions."""

    def __init__(self, elf: Path) -> None:
        import unicorn
        from elftools.elf.elffile import ELFFile
        from unicorn import arm_const

        self._regs = arm_const
        self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M7)
        self.uc.mem_map(CODE, 0x20000)
        self.uc.mem_map(RAM, RAM_BYTES)
        with elf.open("rb") as stream:
            parsed = ELFFile(stream)
            for segment in parsed.iter_segments("PT_LOAD"):
                self.uc.mem_write(segment["p_vaddr"], segment.data())
            table = parsed.get_section_by_name(".symtab")
            self.symbols = {s.name: s["st_value"] for s in table.iter_symbols()}
        self.instructions = 0
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self._count)
        self.uc.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)

    def _count(self, *_: object) -> None:
        self.instructions += 1

    def call(self, name: str, *arguments: int) -> int:
        for register, value in zip(
            (
                self._regs.UC_ARM_REG_R0,
                self._regs.UC_ARM_REG_R1,
                self._regs.UC_ARM_REG_R2,
                self._regs.UC_ARM_REG_R3,
            ),
            arguments,
            strict=False,
        ):
            self.uc.reg_write(register, value)
        self.uc.reg_write(self._regs.UC_ARM_REG_SP, STACK_TOP)
        end = CODE + 0x1FFF0
        self.uc.reg_write(self._regs.UC_ARM_REG_LR, end | 1)
        before = self.instructions
        self.uc.emu_start(self.symbols[name] | 1, end)
        return self.instructions - before


@pytest.fixture(scope="module", params=["-O2", "-Os"])
def cortex_m7(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CortexM7:
    folder = tmp_path_factory.mktemp("m7")
    (folder / "imse_model_config.h").write_text(config_header())
    elf = folder / "frontend.elf"
    flags = ["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"]
    command = ["arm-none-eabi-gcc", request.param, *flags, *WARNINGS, *FLOAT_FLAGS]
    command += [f"-I{folder}", f"-I{CSRC / 'frontend'}", str(CSRC / "frontend/imse_frontend.c")]
    command += ["-nostartfiles", "--specs=nano.specs", f"-Wl,-Ttext={CODE:#x},-e,0", "-o", str(elf)]
    subprocess.run(command, check=True)
    return CortexM7(elf)


def test_same_bits_as_the_host_within_the_budget(
    cortex_m7: CortexM7,
    frontend: Frontend,
    frontend_library: ctypes.CDLL,
    synthetic_speech: np.ndarray,
    record_property: Callable[[str, object], None],
) -> None:
    rng = np.random.default_rng(11)
    uc, size = cortex_m7.uc, frontend_library.probe_size()
    cortex_m7.call("imse_frontend_reset", STATE)
    counts = []
    # Silence, then a second in the middle of the signal.
    pcm = np.concatenate([synthetic_speech[:HOP], synthetic_speech[16000 : 16000 + 20 * HOP]])
    for hop in pcm.reshape(-1, HOP):
        features = frontend.analyze(hop)
        uc.mem_write(PCM, hop.tobytes())
        analysis = cortex_m7.call("imse_frontend_analyze", STATE, PCM, FEATURES)
        assert uc.mem_read(FEATURES, 768) == features.tobytes()

        mask = rng.integers(-128, 128, 256).astype(np.int8)
        phase = rng.integers(-128, 128, 512).astype(np.int8)
        out = frontend.synthesize(mask, phase)
        uc.mem_write(MASK, mask.tobytes())
        uc.mem_write(PHASE, phase.tobytes())
        synthesis = cortex_m7.call("imse_frontend_synthesize", STATE, MASK, PHASE, OUT)
        assert uc.mem_read(OUT, 2 * HOP) == out.tobytes()
        assert uc.mem_read(STATE, size) == frontend.state
        counts.append((analysis, synthesis))
    worst = max(sum(pair) for pair in counts)
    record_property("front_end_instructions_per_frame", worst)
    print(f"front end: {worst} instructions per frame (analysis, synthesis: {counts[-1]})")
    assert worst < INSTRUCTION_BUDGET

"""Which memory takes what."""

from __future__ import annotations

import pytest

from firmware_gen.backends.base import BackendMemory
from firmware_gen.errors import FirmwareError, ModelTooBigError
from firmware_gen.memory import link_overflow, plan_memory
from firmware_gen.options import FirmwareOptions
from targets.loader import load_target

H7 = load_target("stm32h7")
OPTIONS = FirmwareOptions()


def memory(**changes: int) -> BackendMemory:
    figures = {
        "weights_bytes": 68_000,
        "arena_bytes": 14_000,
        "state_bytes": 60_000,
        "code_bytes": 20_000,
        "stack_bytes": 1000,
    }
    return BackendMemory(**(figures | changes))


def test_small_model_lives_in_the_fast_memory() -> None:
    plan = plan_memory(H7, memory(), OPTIONS)
    assert plan.places["weights"] == plan.places["code"] == "FLASH"
    assert {plan.places[n] for n in ("stack", "arena", "buffers", "state")} == {"DTCM"}
    assert plan.places["data"] == "AXI_SRAM"
    assert plan.ram_bytes == sum(u.used_bytes for u in plan.regions if u.kind == "ram")
    assert plan.flash_bytes > 88_000


def test_dma_buffers_of_uart_and_stream_are_counted() -> None:
    nordic = load_target("nrf5340")
    items = {
        k: v for use in plan_memory(nordic, memory(), OPTIONS).regions for k, v in use.items.items()
    }
    assert items["dma"] == 2 * 1024 + 64
    uart = plan_memory(H7, memory(), OPTIONS)
    stream = plan_memory(H7, memory(), FirmwareOptions(app="i2s"))
    assert "dma" not in uart.places
    assert "dma" in H7.mcu.region(stream.places["dma"]).roles
    assert stream.ram_bytes == uart.ram_bytes + 8192 + 1024


def test_arena_comes_before_state_in_the_fast_memory() -> None:
    plan = plan_memory(H7, memory(arena_bytes=60_000, state_bytes=90_000), OPTIONS)
    assert plan.places["arena"] == "DTCM"
    assert plan.places["state"] == "AXI_SRAM"


def test_code_of_every_frame_goes_to_tightly_coupled_memory() -> None:
    plan = plan_memory(H7, memory(hot_code_bytes=20_000), OPTIONS)
    assert plan.places["hot_code"] == "ITCM"
    assert plan.ram_bytes == plan_memory(H7, memory(), OPTIONS).ram_bytes + 20_000
    assert "hot_code" not in plan_memory(H7, memory(), OPTIONS).places
    assert "hot_code" not in plan_memory(H7, memory(hot_code_bytes=70_000), OPTIONS).places
    m4 = load_target("mps2_an386")
    assert "hot_code" not in plan_memory(m4, memory(hot_code_bytes=1_000), OPTIONS).places


def test_weights_in_ram_take_what_the_rest_leaves() -> None:
    options = FirmwareOptions(weights_in="ram")
    plan = plan_memory(H7, memory(arena_bytes=60_000, weights_bytes=165_000), options)
    assert plan.places["arena"] == "DTCM"
    assert plan.places["weights"] == "AXI_SRAM"
    assert plan.places["weights_image"] == "FLASH"
    with pytest.raises(ModelTooBigError, match="900,000 bytes of weights"):
        plan_memory(H7, memory(weights_bytes=900_000), options)
    with pytest.raises(FirmwareError, match="weights in 'rom'"):
        FirmwareOptions(weights_in="rom")


def test_weights_leave_slow_flash_where_ram_holds_them() -> None:
    assert plan_memory(H7, memory(), OPTIONS).places["weights"] == "FLASH"
    for name, place in (("mimxrt1060_evkb", "OCRAM"), ("pico2", "SRAM")):
        target = load_target(name)
        plan = plan_memory(target, memory(weights_bytes=165_000), OPTIONS)
        assert (plan.places["weights"], plan.places["weights_image"]) == (place, "FLASH")
        large = plan_memory(target, memory(weights_bytes=900_000), OPTIONS)
        assert large.places["weights"] == "FLASH"
        asked = plan_memory(target, memory(), FirmwareOptions(weights_in="flash"))
        assert asked.places["weights"] == "FLASH"


def test_large_arena_goes_to_the_large_memory() -> None:
    plan = plan_memory(H7, memory(arena_bytes=300_000), OPTIONS)
    assert plan.places["arena"] == "AXI_SRAM"
    assert plan.places["state"] == "DTCM"


@pytest.mark.parametrize(
    ("changes", "item", "region"),
    [
        ({"arena_bytes": 600_000}, "arena", "AXI_SRAM"),
        ({"state_bytes": 600_000}, "state", "AXI_SRAM"),
        ({"weights_bytes": 2_200_000}, "weights", "FLASH"),
        ({"arena_bytes": 500_000, "state_bytes": 200_000}, "state", "DTCM"),
    ],
)
def test_what_does_not_fit_is_named_with_a_table(
    changes: dict[str, int], item: str, region: str
) -> None:
    with pytest.raises(ModelTooBigError) as caught:
        plan_memory(H7, memory(**changes), OPTIONS)
    assert f"bytes of {item} are too many for" in caught.value.message
    assert region in caught.value.message
    assert "\n" not in caught.value.message
    assert f"+ {item}" in caught.value.table
    assert "stack" in caught.value.table
    assert caught.value.table in caught.value.hint


def test_stack_smaller_than_the_network_needs() -> None:
    with pytest.raises(FirmwareError, match="stack of 2,048 bytes is too small"):
        plan_memory(H7, memory(stack_bytes=1500), FirmwareOptions(stack_bytes=2048))


def test_linker_overflow_becomes_our_error() -> None:
    output = (
        "ld: fw.elf section `.imse_arena' will not fit in region `AXI_SRAM'\n"
        "ld: region `AXI_SRAM' overflowed by 12345 bytes\n"
    )
    error = link_overflow(H7, output, plan_memory(H7, memory(), OPTIONS))
    assert error is not None
    assert "AXI_SRAM (524,288 bytes) overflows by 12,345 bytes" in error.message
    assert ".imse_arena (AXI_SRAM)" in error.table
    assert "DTCM" in error.table
    assert link_overflow(H7, "undefined reference to `foo'", None) is None

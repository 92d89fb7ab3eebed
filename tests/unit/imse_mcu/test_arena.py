"""The search for the arena's size, with a stand-in for building and running the image."""

from __future__ import annotations

from typing import cast

import pytest

from firmware_gen.backends.tflm.arena import measured_arena_bytes
from firmware_gen.options import FirmwareOptions
from imse_mcu.arena import ArenaError, fit
from imse_mcu.running import explained
from targets.link import DeviceFaultError, DeviceLink
from targets.protocol import DeviceError, DeviceState, ErrorCode, NetworkState


class Image:
    """An interpreter that takes ``used`` bytes and needs ``extra`` more while it prepares."""

    def __init__(
        self, used: int, extra: int = 0, status: NetworkState = NetworkState.READY
    ) -> None:
        self.used, self.extra, self.status = used, extra, status
        self.sizes: list[int] = []

    def run(self, size: int) -> DeviceState:
        self.sizes.append(size)
        if size < self.used + self.extra:
            return DeviceState(NetworkState.ALLOCATION_FAILED, size, 0, 8192, 340, "too small")
        return DeviceState(self.status, size, self.used, 8192, 1128)

    def rebuild(self, options: FirmwareOptions) -> DeviceState:
        assert options.tflm_arena_used_bytes is not None
        return self.run(measured_arena_bytes(options.tflm_arena_used_bytes))

    def fit(self, estimate: int) -> FirmwareOptions:
        return fit(FirmwareOptions(), self.run(estimate), self.rebuild)


def test_one_more_build_when_the_estimate_was_enough() -> None:
    image = Image(10_000)
    assert image.fit(20_000).tflm_arena_used_bytes == 10_000
    assert image.sizes == [20_000, 10_256]


def test_an_estimate_that_is_too_small_grows_first() -> None:
    image = Image(10_000)
    assert image.fit(7_000).tflm_arena_used_bytes == 10_000
    assert image.sizes == [7_000, 10_768, 10_256]


def test_more_than_it_says_when_it_needs_more_to_prepare() -> None:
    image = Image(10_000, extra=300)
    assert image.fit(20_000).tflm_arena_used_bytes == 10_512
    assert image.sizes == [20_000, 10_256, 10_768]


def test_no_arena_is_large_enough() -> None:
    with pytest.raises(ArenaError, match=r"arena is too small.*; it says: too small"):
        Image(10**9).fit(20_000)


@pytest.mark.parametrize("status", [NetworkState.WRONG_SCHEMA, NetworkState.INVOKE_FAILED])
def test_other_failures_are_not_tried_again(status: NetworkState) -> None:
    image = Image(10_000, status=status)
    with pytest.raises(ArenaError, match="TFLM does not prepare the model: ") as caught:
        image.fit(20_000)
    assert image.sizes == [20_000]
    assert "release_with_logs" in caught.value.hint


class Link:
    """A device that says how its network is."""

    def __init__(self, network: NetworkState) -> None:
        self.network = network

    def state(self) -> DeviceState:
        return DeviceState(self.network, 8192, 0, 8192, 340)


@pytest.mark.parametrize(
    ("code", "network", "raised", "text"),
    [
        (ErrorCode.NETWORK_FAILED, NetworkState.ALLOCATION_FAILED, ArenaError, "arena of 8,192"),
        (ErrorCode.NETWORK_FAILED, NetworkState.READY, DeviceFaultError, "somewhere"),
        (ErrorCode.HARD_FAULT, NetworkState.ALLOCATION_FAILED, DeviceFaultError, "somewhere"),
    ],
)
def test_a_network_that_fails_says_why(
    code: ErrorCode, network: NetworkState, raised: type[Exception], text: str
) -> None:
    with pytest.raises(raised, match=text), explained(cast("DeviceLink", Link(network))):
        raise DeviceFaultError(DeviceError(code), "somewhere")

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.protocol import (
    FLAG_TENSORS,
    MAX_PAYLOAD,
    OVERHEAD_BYTES,
    AudioState,
    AudioStatus,
    DeviceError,
    DeviceInfo,
    DeviceState,
    ErrorCode,
    FrameResult,
    NetworkState,
    Packet,
    PacketDecoder,
    PacketType,
    ProtocolError,
    Tensors,
)

PACKETS = st.builds(
    Packet,
    type=st.integers(0, 255),
    seq=st.integers(0, 0xFFFF),
    payload=st.binary(max_size=600) | st.lists(st.sampled_from(b"IM\0\1"), max_size=60).map(bytes),
    flags=st.integers(0, 255),
)

INFO = DeviceInfo(3, 4, 16000, 480_000_000, 3, 2, 1, "ab" * 32, "aot", "cd" * 20)


def test_the_bytes_on_the_wire() -> None:
    data = Packet(PacketType.FRAME, 0x1234, b"\x01\x02\x03", FLAG_TENSORS).encode()
    assert data[:11] == b"IM\x03\x01\x34\x12\x03\x00\x01\x02\x03"
    assert data[11:] == zlib.crc32(data[2:11]).to_bytes(4, "little")
    assert len(data) == OVERHEAD_BYTES + 3


def test_a_payload_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        Packet(1, 0, bytes(MAX_PAYLOAD + 1)).encode()


@given(st.lists(PACKETS, max_size=5), st.data())
def test_any_split_of_the_stream_gives_the_packets(
    packets: list[Packet], data: st.DataObject
) -> None:
    stream = b"".join(packet.encode() for packet in packets)
    decoder = PacketDecoder()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    assert found == packets
    assert decoder.pending_bytes == 0
    assert decoder.counters.skipped_bytes == 0


@given(PACKETS, st.binary(max_size=50), PACKETS)
def test_packets_are_found_behind_noise(first: Packet, noise: bytes, second: Packet) -> None:
    decoder = PacketDecoder()
    found = decoder.feed(first.encode() + noise + second.encode()) + decoder.flush()
    assert found[0] == first
    assert found[-1] == second
    assert decoder.pending_bytes == 0


def test_a_lost_byte_that_the_next_packet_supplies() -> None:
    """A packet whose last byte is the marker's first, lost in front of another packet."""
    good = Packet(PacketType.HELLO, 7)
    candidates = (Packet(PacketType.FRAME, seq, b"*") for seq in range(65536))
    first = next(p for p in candidates if p.encode()[-1:] == good.encode()[:1])
    decoder = PacketDecoder()
    assert decoder.feed(first.encode()[:-1] + good.encode()) + decoder.flush() == [first]
    assert decoder.feed(good.encode()) == [good]


@given(PACKETS, PACKETS, st.data())
def test_a_damaged_packet_is_never_delivered_nor_takes_the_next_with_it(
    damaged: Packet, good: Packet, data: st.DataObject
) -> None:
    wire = bytearray(damaged.encode())
    position = data.draw(st.integers(0, len(wire) - 1))
    how = data.draw(st.sampled_from(["flip", "drop", "double"]))
    if how == "flip":
        wire[position] ^= data.draw(st.integers(1, 255))
    elif how == "drop":
        del wire[position]
    else:
        wire.insert(position, wire[position])
    decoder = PacketDecoder()
    stream = bytes(wire) + good.encode()
    found = decoder.feed(stream) + decoder.flush()
    if how == "drop" and stream.startswith(damaged.encode()):
        # The lost last byte equals the next packet's first: the same bytes as losing that one.
        assert found == [damaged]
        return
    assert good in found
    # Doubling a byte in front of an equal one, or the last one, leaves the packet whole.
    whole = damaged.encode() in bytes(wire)
    assert [p for p in found if p != good] == ([damaged] if whole and damaged != good else [])


def test_a_length_beyond_reason_does_not_stall_the_decoder() -> None:
    decoder = PacketDecoder(max_payload=100)
    bad = b"IM\x01\x00\x00\x00\xff\xff"
    good = Packet(PacketType.HELLO, 7)
    assert decoder.feed(bad + good.encode()) == [good]
    assert decoder.counters.bad_length == 1
    assert decoder.counters.skipped_bytes == len(bad)


def test_clear_forgets_the_packet_in_progress() -> None:
    decoder = PacketDecoder()
    wire = Packet(PacketType.HELLO, 7, b"abc").encode()
    assert decoder.feed(wire[:6]) == []
    decoder.clear()
    assert decoder.feed(wire[6:]) + decoder.flush() == []


def test_info_round_trip_and_length() -> None:
    assert DeviceInfo.decode(INFO.encode()) == INFO
    assert len(INFO.encode()) == 2 + 2 + 4 + 4 + 4 * 2 + 32 + 8 + 20
    with pytest.raises(ProtocolError, match="INFO packet has 79 bytes, expected 80"):
        DeviceInfo.decode(INFO.encode()[:-1])
    with pytest.raises(ProtocolError, match="not ASCII"):
        DeviceInfo.decode(INFO.encode()[:-28] + b"\xff" * 28)


def test_state_round_trip_and_damage() -> None:
    audio = AudioStatus(AudioState.RUNNING, 12, 1, 2, 3)
    state = DeviceState(NetworkState.ALLOCATION_FAILED, 100, 0, 8192, 340, "Failed to %s", audio)
    assert DeviceState.decode(state.encode()) == state
    with pytest.raises(ProtocolError, match="STATE packet has 39 bytes, expected 40"):
        DeviceState.decode(state.encode()[:39])
    with pytest.raises(ProtocolError, match="network is in the unknown state 9"):
        DeviceState.decode(b"\x09" + state.encode()[1:])
    damaged = bytearray(state.encode())
    damaged[20] = 7
    with pytest.raises(ProtocolError, match="audio stream is in the unknown state 7"):
        DeviceState.decode(bytes(damaged))


@pytest.mark.parametrize("lost", ["missed", "overruns", "underruns"])
def test_an_audio_stream_is_complete_when_nothing_was_lost(lost: str) -> None:
    assert AudioStatus(AudioState.RUNNING, 12).complete
    assert not AudioStatus(AudioState.RUNNING, 12, **{lost: 1}).complete


@pytest.mark.parametrize("tensors", [None, Tensors(b"abc", b"de", b"f")])
def test_result_round_trip_and_length(tensors: Tensors | None) -> None:
    result = FrameResult(1_000_000, 2_000_000, b"12345678", tensors)
    flags = FLAG_TENSORS if tensors else 0
    assert FrameResult.decode(result.encode(), flags, INFO) == result
    with pytest.raises(ProtocolError, match="RESULT packet has"):
        FrameResult.decode(result.encode() + b"x", flags, INFO)
    with pytest.raises(ProtocolError, match="RESULT packet has"):
        FrameResult.decode(result.encode(), flags ^ FLAG_TENSORS, INFO)


def test_errors_say_what_happened() -> None:
    fault = DeviceError(ErrorCode.HARD_FAULT, 0x08001234, 0x0200, 0x40000000)
    assert DeviceError.decode(fault.encode()) == fault
    assert "hard fault at pc 0x08001234 (CFSR 0x00000200, HFSR 0x40000000)" in str(fault)
    assert DeviceError.decode(b"\x04") == DeviceError(ErrorCode.NETWORK_FAILED)
    assert str(DeviceError(77)) == "error code 77"
    for payload in (b"", b"\x06", b"\x01\x02"):
        with pytest.raises(ProtocolError, match="ERROR packet is not understood"):
            DeviceError.decode(payload)

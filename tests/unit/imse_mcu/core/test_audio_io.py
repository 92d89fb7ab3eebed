from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from imse_mcu.core.audio_io import (
    MIN_SAMPLES,
    AudioFileError,
    list_recordings,
    read_audio,
    to_pcm16,
    wav_bytes,
    write_wav,
)


def tone(seconds: float, rate: int, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


def test_sixteen_bit_mono_is_exact(tmp_path: Path) -> None:
    pcm = np.random.default_rng(1).integers(-32768, 32768, 4000).astype(np.int16)
    write_wav(tmp_path / "a.wav", pcm)
    recording = read_audio(tmp_path / "a.wav")
    np.testing.assert_array_equal(recording.pcm, pcm)
    assert recording.notices == ()
    assert recording.samples.dtype == np.float32
    assert recording.duration_s == 0.25


def test_written_file_is_what_soundfile_reads(tmp_path: Path) -> None:
    pcm = np.arange(-600, 600, dtype=np.int16)
    write_wav(tmp_path / "a.wav", pcm)
    data, rate = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert rate == 16000
    np.testing.assert_array_equal(data, pcm)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_other_rates_are_resampled_with_a_notice(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0, rate), rate, subtype="PCM_16")
    recording = read_audio(tmp_path / "a.wav")
    assert any(f"resampled from {rate} Hz to 16000 Hz" in n for n in recording.notices)
    assert abs(len(recording.pcm) - 16000) <= 1
    middle = slice(2000, 14000)
    error = recording.samples[middle] - tone(1.0, 16000)[middle]
    assert np.sqrt(np.mean(error**2)) < 1e-3


def test_stereo_is_averaged_with_a_notice(tmp_path: Path) -> None:
    left = tone(0.5, 16000)
    soundfile.write(tmp_path / "a.wav", np.stack([left, -0.5 * left], axis=1), 16000, "PCM_16")
    recording = read_audio(tmp_path / "a.wav")
    assert "2 channels averaged to mono" in recording.notices[0]
    np.testing.assert_allclose(recording.samples, 0.25 * left, atol=2e-4)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_24", "PCM_32"])
def test_other_sample_formats_are_rounded_with_a_notice(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.5, 16000), 16000, subtype=subtype)
    recording = read_audio(tmp_path / "a.wav")
    assert "rounded to 16 bit" in recording.notices[0]
    np.testing.assert_allclose(recording.samples, tone(0.5, 16000), atol=2e-5)


def test_float_above_full_scale_is_clipped_with_a_notice(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 4 * tone(0.5, 16000), 16000, subtype="FLOAT")
    recording = read_audio(tmp_path / "a.wav")
    assert any("was clipped" in n for n in recording.notices)
    assert recording.pcm.max() == 32767
    assert recording.pcm.min() == -32768


def test_flac_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(0.5, 16000), 16000)
    assert len(read_audio(tmp_path / "a.flac").pcm) == 8000


def good_wav() -> bytes:
    return wav_bytes(np.arange(2000, dtype=np.int16))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"RI", "not a WAV, FLAC or Ogg recording"),
        (b"hello world, no audio here" * 30, "not a WAV, FLAC or Ogg recording"),
        (good_wav()[:10], "is truncated"),
        (good_wav()[:30], "is truncated"),
        (good_wav()[:43], "is truncated"),
        (good_wav()[:44], "promises 4000 bytes of samples, 0 are there"),
        (good_wav()[:-1000], "promises 4000 bytes of samples, 3000 are there"),
        (wav_bytes(np.zeros(0, np.int16)), "holds no samples (0 frames)"),
        (wav_bytes(np.ones(1, np.int16)), "too short: 1 sample at 16 kHz"),
        (wav_bytes(np.ones(MIN_SAMPLES - 1, np.int16)), "too short: 511 samples"),
    ],
)
def test_unusable_files_get_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_header_with_unknown_length_is_accepted(tmp_path: Path) -> None:
    content = bytearray(good_wav())
    struct.pack_into("<I", content, 40, 0xFFFFFFFF)
    struct.pack_into("<I", content, 4, 0xFFFFFFFF)
    (tmp_path / "stream.wav").write_bytes(bytes(content))
    assert len(read_audio(tmp_path / "stream.wav").pcm) == 2000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    samples = tone(0.5, 16000)
    samples[123] = value
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    with pytest.raises(AudioFileError, match="has NaN or infinity in 1 sample, first at 123"):
        read_audio(tmp_path / "a.wav")


def test_truncated_flac(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.flac", 0.1 * rng.standard_normal(16000), 16000)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioFileError, match="truncated|damaged"):
        read_audio(tmp_path / "a.flac")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="there is no file"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(AudioFileError, match="is a folder"):
        read_audio(tmp_path)


def test_list_recordings(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="holds no recordings"):
        list_recordings(tmp_path)
    with pytest.raises(AudioFileError, match="there is no folder"):
        list_recordings(tmp_path / "none")
    for name in ("b.WAV", "a.flac", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [p.name for p in list_recordings(tmp_path)] == ["a.flac", "b.WAV"]


def test_rounding_is_half_away_from_zero_and_saturates() -> None:
    values = np.array([0.5, 1.5, -0.5, -1.5, 0.49, 40000, -40000]) / 32768
    np.testing.assert_array_equal(to_pcm16(values), [1, 2, -1, -2, 0, 32767, -32768])


@given(st.lists(st.integers(-32768, 32767), max_size=64))
def test_pcm_survives_the_way_to_float_and_back(values: list[int]) -> None:
    pcm = np.array(values, dtype=np.int16)
    np.testing.assert_array_equal(to_pcm16(pcm.astype(np.float32) / 32768), pcm)


def test_write_refuses_other_arrays(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected int16"):
        write_wav(tmp_path / "a.wav", np.zeros((2, 2), np.int16))

"""Reading and writing recordings: 16 kHz, mono, 16 bit inside, anything sensible outside.

Reading converts what a user clearly wants converted (other sample rates, several channels, float
or 24 bit samples) and says so in a notice; what cannot be a recording (missing, empty, truncated,
not a number, too short) is one clear error.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.files import atomic_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Sample rate of every recording inside imse-mcu.
SAMPLE_RATE_HZ = 16_000
#: Shortest recording that makes sense: one analysis window.
MIN_SAMPLES = 512
#: File name endings that count as recordings when a folder is read.
EXTENSIONS = (".wav", ".flac", ".ogg")

_MAX_CHANNELS = 32
_RATES_HZ = (4_000, 384_000)
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)


class AudioFileError(ImseMcuError):
    """A file that is no usable recording."""

    exit_code = 2


@dataclass(frozen=True)
class Recording:
    """A recording at 16 kHz, mono, 16 bit.

    Attributes:
        pcm: int16 samples, shape [n].
        notices: What had to be converted, one sentence each.
    """

    pcm: NDArray[np.int16]
    notices: tuple[str, ...] = ()

    @property
    def samples(self) -> NDArray[np.float32]:
        """Samples as float32 in [-1, 1), shape [n]."""
        import numpy as np

        return self.pcm.astype(np.float32) / np.float32(32768.0)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.pcm) / SAMPLE_RATE_HZ


def read_audio(path: str | os.PathLike[str], *, min_samples: int = MIN_SAMPLES) -> Recording:
    """Reads a recording, converting rate, channels and sample format where needed.

    Args:
        path: WAV, FLAC or Ogg file.
        min_samples: Fewest samples (at 16 kHz) that are accepted.

    Returns:
        The recording, with a notice for each conversion.

    Raises:
        AudioFileError: If the file is missing, empty, truncated, corrupt, too short, or holds
            values that are not numbers.
    """
    import numpy as np
    import soundfile

    file = Path(path)
    _check_file(file)
    try:
        info = soundfile.info(str(file))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioFileError(
            f"cannot read {file}: not a WAV, FLAC or Ogg recording",
            hint="convert it first, for example: sox INPUT -r 16000 -c 1 -b 16 OUTPUT.wav",
        ) from error
    rate, channels = int(info.samplerate), int(info.channels)
    if info.frames <= 0:
        raise AudioFileError(f"{file} holds no samples (0 frames)", hint="record it again")
    if not _RATES_HZ[0] <= rate <= _RATES_HZ[1] or channels > _MAX_CHANNELS:
        raise AudioFileError(
            f"{file} claims {rate} Hz and {channels} channels, expected "
            f"{_RATES_HZ[0]} to {_RATES_HZ[1]} Hz and at most {_MAX_CHANNELS} channels",
            hint="the header is probably damaged; export the recording again",
        )
    exact = info.subtype == "PCM_16"
    try:
        data, _ = soundfile.read(str(file), dtype="int16" if exact else "float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioFileError(
            f"{file} is damaged: {str(error).rstrip('.')}", hint="export the recording again"
        ) from error
    if len(data) < info.frames:
        raise AudioFileError(
            f"{file} is truncated: {len(data)} of {info.frames} frames can be read",
            hint="copy or export the recording again",
        )
    _check_finite(file, data)
    if exact and channels == 1 and rate == SAMPLE_RATE_HZ:
        _check_length(file, len(data), min_samples)
        return Recording(np.ascontiguousarray(data[:, 0]))
    values = data.astype(np.float64) / 32768.0 if exact else data
    return _convert(file, values, rate, channels, info.subtype, min_samples)


def _convert(
    file: Path,
    values: NDArray[np.float64],
    rate: int,
    channels: int,
    subtype: str,
    min_samples: int,
) -> Recording:
    """Brings samples [n, channels] to 16 kHz mono 16 bit and notes what was done."""
    import numpy as np

    notices = []
    if channels > 1:
        values = values.mean(axis=1, keepdims=True)
        notices.append(f"{file.name}: {channels} channels averaged to mono")
    mono = values[:, 0]
    if rate != SAMPLE_RATE_HZ:
        import soxr

        mono = np.asarray(soxr.resample(mono, rate, SAMPLE_RATE_HZ, quality="VHQ"))
        lost = f" (nothing above {rate // 2} Hz in it)" if rate < SAMPLE_RATE_HZ else ""
        notices.append(f"{file.name}: resampled from {rate} Hz to {SAMPLE_RATE_HZ} Hz{lost}")
    if subtype not in ("PCM_16", "PCM_U8", "PCM_S8"):
        notices.append(f"{file.name}: {subtype.lower()} samples rounded to 16 bit")
    _check_length(file, len(mono), min_samples)
    peak = float(np.max(np.abs(mono)))
    if peak > 1.0:
        notices.append(f"{file.name}: peak {peak:.3g} is above full scale and was clipped")
    return Recording(to_pcm16(mono), tuple(notices))


def to_pcm16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Rounds samples in [-1, 1) to 16 bit, half away from zero, saturating.

    Args:
        samples: Real numbers, any shape.

    Returns:
        int16 array of the same shape.
    """
    import numpy as np

    scaled = np.asarray(samples, dtype=np.float64) * 32768.0
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    return np.clip(rounded, -32768, 32767).astype(np.int16)


def write_wav(
    path: str | os.PathLike[str],
    pcm: NDArray[np.int16],
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> None:
    """Writes a mono 16 bit WAV atomically.

    Args:
        path: File to write.
        pcm: int16 samples, shape [n].
        sample_rate_hz: Sample rate in Hz.

    Raises:
        FileWriteError: If the file cannot be written.
        ValueError: If ``pcm`` is not a row of int16.
    """
    import numpy as np

    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise ValueError(f"expected int16 [n], got {pcm.dtype} {pcm.shape}")
    with atomic_file(path) as temporary:
        temporary.write_bytes(wav_bytes(pcm, sample_rate_hz=sample_rate_hz))


def wav_bytes(pcm: NDArray[np.int16], *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Returns a mono 16 bit WAV file as bytes; the same samples give the same bytes.

    Args:
        pcm: int16 samples, shape [n].
        sample_rate_hz: Sample rate in Hz.
    """
    data = pcm.astype("<i2").tobytes()
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1),
        *(sample_rate_hz, 2 * sample_rate_hz, 2, 16, b"data", len(data)),
    )
    return header + data


def list_recordings(folder: str | os.PathLike[str]) -> list[Path]:
    """Lists the recordings directly inside a folder, sorted by name.

    Raises:
        AudioFileError: If there is no such folder or no recording in it.
    """
    base = Path(folder)
    if not base.is_dir():
        raise AudioFileError(f"there is no folder {base}", hint="check the path")
    files = sorted(p for p in base.iterdir() if p.suffix.lower() in EXTENSIONS and p.is_file())
    if not files:
        raise AudioFileError(
            f"folder {base} holds no recordings", hint=f"expected {', '.join(EXTENSIONS)} files"
        )
    return files


def _check_file(file: Path) -> None:
    """Refuses what is not there, not a file, empty, or a cut-off WAV."""
    if not file.exists():
        raise AudioFileError(f"there is no file {file}", hint="check the path")
    if file.is_dir():
        raise AudioFileError(f"{file} is a folder, expected a recording", hint="name one file")
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            _check_riff(file, stream.read(1 << 16), size)
    except OSError as error:
        raise AudioFileError(
            f"cannot read {file}: {error.strerror}", hint="check its permissions"
        ) from error


def _check_riff(file: Path, head: bytes, size: int) -> None:
    """Compares the sizes that a WAV header promises with the file's.

    Args:
        file: The file, for messages.
        head: First bytes of the file.
        size: Its size in bytes.
    """
    if size == 0:
        raise AudioFileError(f"{file} is empty (0 bytes)", hint="copy or record it again")
    if head[:4] != b"RIFF":
        return
    if len(head) < 12 or head[8:12] != b"WAVE":
        raise AudioFileError(
            f"{file} is truncated: its WAV header is incomplete", hint="copy or record it again"
        )
    offset = 12
    while offset + 8 <= len(head):
        tag, length = head[offset : offset + 4], struct.unpack_from("<I", head, offset + 4)[0]
        if tag == b"data":
            there = size - offset - 8
            if there <= 0 and length == 0:
                raise AudioFileError(f"{file} holds no samples (0 frames)", hint="record it again")
            if length > there and length not in _UNKNOWN_SIZES:
                raise AudioFileError(
                    f"{file} is truncated: its header promises {length} bytes of samples, "
                    f"{max(there, 0)} are there",
                    hint="copy or record it again",
                )
            return
        offset += 8 + length + (length & 1)
    if offset + 8 > size:
        raise AudioFileError(
            f"{file} is truncated: it has no samples", hint="copy or record it again"
        )


def _check_finite(file: Path, data: NDArray[np.generic]) -> None:
    """Refuses samples that are not finite numbers; ``data`` is [n, channels]."""
    import numpy as np

    if data.dtype.kind != "f":
        return
    bad = np.flatnonzero(~np.isfinite(data).all(axis=1))
    if bad.size:
        raise AudioFileError(
            f"{file} has NaN or infinity in {bad.size} sample{'s' * (bad.size != 1)}, "
            f"first at {bad[0]}",
            hint="export the recording as 16 bit PCM",
        )


def _check_length(file: Path, samples: int, min_samples: int) -> None:
    """Refuses recordings shorter than ``min_samples``."""
    if samples < min_samples:
        raise AudioFileError(
            f"{file} is too short: {samples} sample{'s' * (samples != 1)} at 16 kHz, "
            f"at least {min_samples} ({1000 * min_samples / SAMPLE_RATE_HZ:g} ms) are needed",
            hint="use a longer recording",
        )

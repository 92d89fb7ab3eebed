"""Cleans a folder of recordings from Python and says how much quieter each became.

python examples/enhance_folder.py NOISY CLEANED [--precision float]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from imse_mcu.core.audio_io import list_recordings, read_audio, write_wav
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.quantization import QuantizationRequest, quantize
from imse_mcu.report.clips import levels


def main(arguments: list[str] | None = None) -> int:
    """Cleans the folder; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", default="imse-stream")
    parser.add_argument("--precision", choices=("int8", "float"), default="int8")
    options = parser.parse_args(arguments)
    try:
        recordings = list_recordings(options.source)
        model = quantize(QuantizationRequest(model=options.model), Reporter())
        for path in recordings:
            recording = read_audio(path)
            enhanced = model.enhance(recording.samples, options.precision)
            write_wav(options.output / f"{path.stem}.wav", enhanced)
            before, after = levels(recording.pcm)["rms_dbfs"], levels(enhanced)["rms_dbfs"]
            print(f"{path.name}: {before} -> {after} dBFS RMS")
    except ImseMcuError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

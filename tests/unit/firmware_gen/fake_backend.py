"""A backend and a model for projects that do not need the real network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import fake_network
from reference_frontend import config_header

from firmware_gen.backends.base import BackendMemory, BackendOutput
from keras_imse.config import FrontendConfig

MODEL_DIGEST = "".join(f"{value:02x}" for value in range(0, 256, 8))


def fake_model(frontend: FrontendConfig | None = None) -> Any:
    """Looks like a QuantizedModel to everything but a runtime."""
    metadata = SimpleNamespace(
        model="fake", family="imse-stream", recipe="int8", frontend=frontend or FrontendConfig()
    )
    return SimpleNamespace(metadata=metadata, digest=MODEL_DIGEST, tflite=b"TFL3 of the fake")


class FakeBackend:
    """Generates :mod:`fake_network`; the memory figures are what it is told."""

    name = "aot"

    def __init__(self, source: str = fake_network.SOURCE, **memory: int) -> None:
        figures = {
            "weights_bytes": 256,
            "arena_bytes": 0,
            "state_bytes": 256,
            "code_bytes": 400,
            "stack_bytes": 64,
        }
        self.memory = BackendMemory(**(figures | memory))
        self.source = source

    def generate(self, model: Any, target: Any, options: Any) -> BackendOutput:
        return BackendOutput(
            files={
                "model/imse_model_config.h": config_header(MODEL_DIGEST).encode(),
                "model/network_fake.c": self.source.encode(),
            },
            memory=self.memory,
            report={"layers": 1},
        )

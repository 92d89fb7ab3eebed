"""A tiny network with a state, in C and in Python, for images that do not need the real one.

It fails on a loud pure tone in bin 33, so that failures can be tried.
"""

from __future__ import annotations

import numpy as np

SOURCE = """
#include "imse_network.h"
#include "imse_model_config.h"

const char imse_network_runtime[] = "fake";
static int8_t imse_state[IMSE_BANDS];
static const int8_t weights[IMSE_BANDS]
    __attribute__((section(".rodata.imse_weights"))) = {3, 1, 4};

void imse_network_reset(void) {
    for (int k = 0; k < IMSE_BANDS; ++k) {
        imse_state[k] = 0;
    }
}

int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
    for (int k = 0; k < IMSE_BANDS; ++k) {
        const int8_t next = (int8_t)(features[3 * k] / 2 + imse_state[k] / 2);
        mask[k] = (int8_t)(next ^ weights[k]);
        phase[2 * k] = features[3 * k + 1];
        phase[2 * k + 1] = imse_state[k];
        imse_state[k] = next;
    }
    return features[3 * 32] == 127; /* a pure tone in bin 33 */
}
"""


class FakeNetwork:
    """Python twin of :data:`SOURCE`."""

    def __init__(self) -> None:
        self.reset()
        self.weights = np.zeros(256, np.int8)
        self.weights[:3] = 3, 1, 4

    def reset(self) -> None:
        self.state = np.zeros(256, np.int8)

    def invoke(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f = features.reshape(256, 3).astype(np.int32)
        half = np.trunc(f[:, 0] / 2) + np.trunc(self.state.astype(np.int32) / 2)
        nxt = half.astype(np.int8)
        mask = nxt ^ self.weights
        phase = np.stack([f[:, 1].astype(np.int8), self.state], axis=-1).reshape(-1)
        self.state = nxt
        return mask, phase

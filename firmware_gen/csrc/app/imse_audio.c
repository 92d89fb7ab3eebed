#include "imse_audio.h"

#include <stddef.h>

__attribute__((weak)) int imse_audio_init(void) {
    return 0;
}

__attribute__((weak)) int imse_audio_take(const int16_t **input, int16_t **output) {
    *input = NULL;
    *output = NULL;
    return 0;
}

__attribute__((weak)) void imse_audio_done(void) {
}

__attribute__((weak)) void imse_audio_stop(void) {
}

__attribute__((weak)) void imse_audio_status(imse_audio_status_t *status) {
    *status = (imse_audio_status_t){0};
}

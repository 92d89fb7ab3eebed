/* The network, whatever runtime executes it. */
#ifndef IMSE_NETWORK_H
#define IMSE_NETWORK_H

#include <stdint.h>

/* Puts the state back to what it is before the first frame. */
void imse_network_reset(void);

/* Runs one frame: IMSE_FEATURE_BYTES in, IMSE_MASK_BYTES and IMSE_PHASE_BYTES out (sizes in
 * imse_model_config.h). Returns 0 when all went well. */
int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase);

/* "aot" or "tflm". */
extern const char imse_network_runtime[];

#endif

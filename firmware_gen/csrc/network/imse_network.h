/* The network, whatever runtime executes it. */
#ifndef IMSE_NETWORK_H
#define IMSE_NETWORK_H

#include <stdint.h>

/* Puts the state back to what it is before the first frame, which this must come before; the first
 * call prepares the network. */
void imse_network_reset(void);

/* Runs one frame: IMSE_FEATURE_BYTES in, IMSE_MASK_BYTES and IMSE_PHASE_BYTES out (sizes in
 * imse_model_config.h). Returns 0 when all went well. */
int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase);

/* What became of the network's preparation. */
typedef enum {
    IMSE_NETWORK_NOT_PREPARED = 0,
    IMSE_NETWORK_READY = 1,
    IMSE_NETWORK_WRONG_SCHEMA = 2, /* the library reads another schema version than the model's */
    IMSE_NETWORK_REGISTRATION_FAILED = 3,
    IMSE_NETWORK_ALLOCATION_FAILED = 4, /* the arena is too small, or a kernel refuses an operator */
    IMSE_NETWORK_WRONG_SHAPES = 5, /* the tensors are not those the project was generated for */
    IMSE_NETWORK_INVOKE_FAILED = 6
} imse_network_state_t;

typedef struct {
    imse_network_state_t state;
    uint32_t arena_bytes;
    uint32_t arena_used_bytes; /* what the runtime took of it */
    const char *message;       /* first complaint of the runtime, or null */
} imse_network_status_t;

/* Says how the network is. A runtime that prepares nothing at run time needs none of its own. */
void imse_network_status(imse_network_status_t *status);

/* "aot" or "tflm". */
extern const char imse_network_runtime[];

#endif

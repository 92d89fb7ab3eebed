/* How far a network that works on whole segments has come. */
#ifndef IMSE_NETWORK_PROGRESS_H
#define IMSE_NETWORK_PROGRESS_H

#include <stdint.h>

/* Called by the network after every layer: layers done, layers in all. The application has it. */
void imse_network_progress(uint32_t done, uint32_t all);

#endif

/* The host's requests about segments. */
#ifndef IMSE_SEGMENT_REQUESTS_H
#define IMSE_SEGMENT_REQUESTS_H

#include "imse_protocol.h"

/* Answers WRITE, RUN and READ; returns 0 for every other packet. */
int imse_segment_handle(const imse_packet_t *packet);

/* Forgets the segment. */
void imse_segment_restart(void);

#endif /* IMSE_SEGMENT_REQUESTS_H */

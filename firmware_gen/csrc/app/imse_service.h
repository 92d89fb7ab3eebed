/* Answers the host's requests over the UART. */
#ifndef IMSE_SERVICE_H
#define IMSE_SERVICE_H

#include <stdint.h>

/* Starts with a fresh pipeline and an empty line. */
void imse_service_init(void);

/* Reads what has arrived and answers complete requests; returns when the line is quiet. */
void imse_service_poll(void);

/* Whether the host has taken over the pipeline by a FRAME or RESET request. */
int imse_service_active(void);

/*
 * After a fault: answers every request with ERROR 6 (pc, cfsr, hfsr) until a RESET request
 * restarts the chip.
 */
__attribute__((noreturn)) void imse_service_fault(uint32_t pc, uint32_t cfsr, uint32_t hfsr);

#endif /* IMSE_SERVICE_H */

#include "imse_segment_requests.h"

#include <string.h>

#include "imse_segment.h"

#define RUN_DONE_BYTES (8u + 8u)
#define OFFSET_BYTES 4u
#define READ_BYTES (1u + 4u + 2u)

static struct {
    uint16_t seq;  /* of the request that is being answered */
    uint16_t done; /* of the last request that was run */
    uint8_t has_result;
} requests;

static uint32_t read_u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void send_error(uint8_t code) {
    imse_send_begin(IMSE_PACKET_ERROR, 0, requests.seq, 1);
    imse_send(&code, 1);
    imse_send_end();
}

static void send_u64(uint64_t value) {
    imse_send_u32((uint32_t)value);
    imse_send_u32((uint32_t)(value >> 32));
}

/* While the network works, the host is told that it does. */
void imse_segment_progress(uint32_t done, uint32_t all) {
    imse_send_begin(IMSE_PACKET_PROGRESS, 0, requests.seq, 8);
    imse_send_u32(done);
    imse_send_u32(all);
    imse_send_end();
}

/* offset in bytes u32 | samples */
static void write_samples(const imse_packet_t *packet) {
    const uint32_t size = packet->length - OFFSET_BYTES;
    const uint32_t offset = packet->length > OFFSET_BYTES ? read_u32(packet->payload) : 0;
    if (packet->length <= OFFSET_BYTES || offset > sizeof imse_segment.input ||
        size > sizeof imse_segment.input - offset) {
        send_error(IMSE_ERROR_LENGTH);
        return;
    }
    memcpy((uint8_t *)imse_segment.input + offset, packet->payload + OFFSET_BYTES, size);
    requests.has_result = 0;
    imse_send_begin(IMSE_PACKET_WRITE_DONE, 0, packet->seq, 0);
    imse_send_end();
}

/* gain f32; a repeated request is answered without running again */
static void run(const imse_packet_t *packet) {
    if (packet->length != 4) {
        send_error(IMSE_ERROR_LENGTH);
        return;
    }
    if (!requests.has_result || requests.done != packet->seq) {
        const uint32_t bits = read_u32(packet->payload);
        float gain;
        memcpy(&gain, &bits, sizeof gain);
        requests.has_result = 0;
        const int status = imse_segment_process(gain);
        if (status != 0) {
            send_error(status == IMSE_SEGMENT_BAD_GAIN ? IMSE_ERROR_VALUE : IMSE_ERROR_NETWORK);
            return;
        }
        requests.done = requests.seq;
        requests.has_result = 1;
    }
    imse_send_begin(IMSE_PACKET_RUN_DONE, 0, requests.seq, RUN_DONE_BYTES);
    send_u64(imse_segment.network_cycles);
    send_u64(imse_segment.segment_cycles);
    imse_send_end();
}

/* what u8 | offset in bytes u32 | bytes u16 */
static void read_back(const imse_packet_t *packet) {
    static const struct {
        const void *data;
        uint32_t size;
    } parts[] = {
        {imse_segment.output, sizeof imse_segment.output},
        {imse_segment.features, sizeof imse_segment.features},
        {imse_segment.mask, sizeof imse_segment.mask},
        {imse_segment.phase, sizeof imse_segment.phase},
    };
    const uint8_t *p = packet->payload;
    if (packet->length != READ_BYTES || p[0] >= sizeof parts / sizeof *parts) {
        send_error(IMSE_ERROR_LENGTH);
        return;
    }
    const uint32_t offset = read_u32(p + 1);
    const uint16_t size = (uint16_t)(p[5] | p[6] << 8);
    if (offset > parts[p[0]].size || size > parts[p[0]].size - offset) {
        send_error(IMSE_ERROR_LENGTH);
        return;
    }
    imse_send_begin(IMSE_PACKET_DATA, 0, packet->seq, size);
    imse_send((const uint8_t *)parts[p[0]].data + offset, size);
    imse_send_end();
}

int imse_segment_handle(const imse_packet_t *packet) {
    requests.seq = packet->seq;
    switch (packet->type) {
    case IMSE_PACKET_WRITE:
        write_samples(packet);
        return 1;
    case IMSE_PACKET_RUN:
        run(packet);
        return 1;
    case IMSE_PACKET_READ:
        read_back(packet);
        return 1;
    default:
        return 0;
    }
}

void imse_segment_restart(void) {
    requests.has_result = 0;
    imse_segment_reset();
}

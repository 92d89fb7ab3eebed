#include "imse_protocol.h"

#include <string.h>

#include "imse_platform.h"

static uint32_t send_crc;

static uint16_t load_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | (uint32_t)p[1] << 8);
}

static uint32_t load_u32(const uint8_t *p) {
    return load_u16(p) | (uint32_t)load_u16(p + 2) << 16;
}

uint32_t imse_crc32(uint32_t crc, const void *data, size_t size) {
    /* One entry per four bits: 64 bytes of flash, a dozen instructions per byte. */
    static const uint32_t table[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
        0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
        0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    const uint8_t *p = data;
    crc = ~crc;
    while (size--) {
        crc ^= *p++;
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
    return ~crc;
}

void imse_receiver_clear(imse_receiver_t *receiver) {
    receiver->size = 0;
    receiver->used = 0;
}

/* Drops the used bytes and everything before the next possible beginning of a packet. */
static void align(imse_receiver_t *receiver) {
    uint32_t first = receiver->used;
    while (first < receiver->size &&
           (receiver->buffer[first] != 'I' ||
            (first + 1 < receiver->size && receiver->buffer[first + 1] != 'M'))) {
        ++first;
    }
    if (first != 0) {
        receiver->size -= first;
        memmove(receiver->buffer, receiver->buffer + first, receiver->size);
    }
    receiver->used = 0;
}

void imse_receiver_put(imse_receiver_t *receiver, uint8_t byte) {
    if (receiver->used != 0) {
        align(receiver);
    }
    if (receiver->size < sizeof receiver->buffer) {
        receiver->buffer[receiver->size++] = byte;
    }
}

imse_receive_status_t imse_receiver_next(imse_receiver_t *receiver, imse_packet_t *packet) {
    align(receiver);
    if (receiver->size < IMSE_HEADER_BYTES) {
        return IMSE_RECEIVE_MORE;
    }
    const uint8_t *head = receiver->buffer;
    packet->type = head[2];
    packet->flags = head[3];
    packet->seq = load_u16(head + 4);
    packet->length = load_u16(head + 6);
    packet->payload = head + IMSE_HEADER_BYTES;
    if (packet->length > IMSE_REQUEST_PAYLOAD_MAX) {
        receiver->used = 1;
        return IMSE_RECEIVE_BAD_LENGTH;
    }
    const uint32_t body = IMSE_HEADER_BYTES + packet->length;
    if (receiver->size < body + IMSE_CRC_BYTES) {
        return IMSE_RECEIVE_MORE;
    }
    if (imse_crc32(0, head + 2, body - 2) != load_u32(head + body)) {
        receiver->used = 1;
        return IMSE_RECEIVE_BAD_CRC;
    }
    receiver->used = body + IMSE_CRC_BYTES;
    return IMSE_RECEIVE_PACKET;
}

void imse_receiver_skip(imse_receiver_t *receiver) {
    receiver->used = receiver->size != 0;
    align(receiver);
}

int imse_receiver_pending(const imse_receiver_t *receiver, uint16_t *seq) {
    *seq = receiver->size >= IMSE_HEADER_BYTES ? load_u16(receiver->buffer + 4) : 0;
    return receiver->size > receiver->used;
}

void imse_send_begin(uint8_t type, uint8_t flags, uint16_t seq, uint16_t length) {
    static const uint8_t magic[2] = {'I', 'M'};
    platform_uart_write(magic, sizeof magic);
    send_crc = 0;
    const uint8_t head[2] = {type, flags};
    imse_send(head, sizeof head);
    imse_send_u16(seq);
    imse_send_u16(length);
}

void imse_send(const void *data, size_t size) {
    send_crc = imse_crc32(send_crc, data, size);
    platform_uart_write(data, size);
}

void imse_send_u16(uint16_t value) {
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    imse_send(bytes, sizeof bytes);
}

void imse_send_u32(uint32_t value) {
    imse_send_u16((uint16_t)value);
    imse_send_u16((uint16_t)(value >> 16));
}

void imse_send_end(void) {
    imse_send_u32(send_crc);
}

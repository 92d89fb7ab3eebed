/*
 * Packets between host and device, little endian:
 *
 *   'I' 'M' | type u8 | flags u8 | seq u16 | length u16 | payload[length] | crc32 u32
 *
 * The CRC is zlib's, over everything from type to the end of the payload. The device never sends
 * unasked; an answer carries the seq of its request.
 */
#ifndef IMSE_PROTOCOL_H
#define IMSE_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "imse_model_config.h"

#define IMSE_PROTOCOL_VERSION 3u

/* Packet types; answers have bit 7 set. */
#define IMSE_PACKET_HELLO 0x01u
#define IMSE_PACKET_RESET 0x02u
#define IMSE_PACKET_FRAME 0x03u
#define IMSE_PACKET_STATUS 0x04u
/* Requests of firmware that works on segments, which has no FRAME: samples into the segment
 * (offset u32, bytes), run (gain f32), bytes out of it (what u8, offset u32, bytes u16). RUN is
 * answered by any number of PROGRESS (layers done u32, in all u32) and RUN_DONE (cycles of the
 * network u64, of the segment u64). */
#define IMSE_PACKET_WRITE 0x10u
#define IMSE_PACKET_RUN 0x11u
#define IMSE_PACKET_READ 0x12u
#define IMSE_PACKET_INFO 0x81u
#define IMSE_PACKET_RESET_DONE 0x82u
#define IMSE_PACKET_RESULT 0x83u
#define IMSE_PACKET_STATE 0x84u
#define IMSE_PACKET_WRITE_DONE 0x90u
#define IMSE_PACKET_RUN_DONE 0x91u
#define IMSE_PACKET_DATA 0x92u
#define IMSE_PACKET_PROGRESS 0x93u
#define IMSE_PACKET_ERROR 0xffu

/* Flag of FRAME and RESULT: the tensors features, mask and phase follow the PCM. */
#define IMSE_FLAG_TENSORS 0x01u

/* First payload byte of ERROR. */
#define IMSE_ERROR_CRC 1u
#define IMSE_ERROR_LENGTH 2u
#define IMSE_ERROR_TYPE 3u
#define IMSE_ERROR_NETWORK 4u
#define IMSE_ERROR_RECEIVE 5u
#define IMSE_ERROR_FAULT 6u
#define IMSE_ERROR_VALUE 7u

#define IMSE_HEADER_BYTES 8u
#define IMSE_CRC_BYTES 4u
/* The longest request is a frame of int16 samples, or as many of a segment with their place. */
#if IMSE_SEGMENT_FRAMES
#define IMSE_REQUEST_PAYLOAD_MAX (4u + 1024u)
#else
#define IMSE_REQUEST_PAYLOAD_MAX (2u * IMSE_HOP)
#endif

/* A received packet; payload points into the receiver and is valid until its next call. */
typedef struct {
    uint8_t type;
    uint8_t flags;
    uint16_t seq;
    uint16_t length;
    const uint8_t *payload;
} imse_packet_t;

typedef enum {
    IMSE_RECEIVE_MORE,       /* nothing complete yet */
    IMSE_RECEIVE_PACKET,     /* a packet with a good CRC */
    IMSE_RECEIVE_BAD_CRC,    /* a candidate was dropped; its seq is filled in */
    IMSE_RECEIVE_BAD_LENGTH  /* a candidate too long for any request was dropped */
} imse_receive_status_t;

/*
 * Finds packets in a stream of bytes. After a bad candidate only its first byte is dropped and the
 * search goes on behind it, so a good packet swallowed by a damaged one is still found.
 */
typedef struct {
    uint8_t buffer[IMSE_HEADER_BYTES + IMSE_REQUEST_PAYLOAD_MAX + IMSE_CRC_BYTES];
    uint32_t size; /* bytes kept */
    uint32_t used; /* leading bytes to drop before looking on */
} imse_receiver_t;

/* Forgets all bytes. */
void imse_receiver_clear(imse_receiver_t *receiver);

/* Adds one byte. Call imse_receiver_next() until it returns IMSE_RECEIVE_MORE before the next. */
void imse_receiver_put(imse_receiver_t *receiver, uint8_t byte);

/* Looks for the next packet among the bytes added so far. */
imse_receive_status_t imse_receiver_next(imse_receiver_t *receiver, imse_packet_t *packet);

/* Gives up on the packet in progress: drops its first byte, so that the next call looks behind. */
void imse_receiver_skip(imse_receiver_t *receiver);

/* Whether a packet has begun; *seq is its number once the header is complete, else 0. */
int imse_receiver_pending(const imse_receiver_t *receiver, uint16_t *seq);

/* zlib's CRC-32 continued over size bytes; begin with 0. */
uint32_t imse_crc32(uint32_t crc, const void *data, size_t size);

/* Sending a packet: begin, any number of pieces that add up to length, end. */
void imse_send_begin(uint8_t type, uint8_t flags, uint16_t seq, uint16_t length);
void imse_send(const void *data, size_t size);
void imse_send_u16(uint16_t value);
void imse_send_u32(uint32_t value);
void imse_send_end(void);

#endif /* IMSE_PROTOCOL_H */

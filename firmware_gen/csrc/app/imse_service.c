#include "imse_service.h"

#include <string.h>

#include "imse_model_config.h"
#include "imse_network.h"
#if IMSE_SEGMENT_FRAMES
#include "imse_segment_requests.h"
#else
#include "imse_audio.h"
#include "imse_pipeline.h"
#endif
#include "imse_platform.h"
#include "imse_protocol.h"

/* Silence inside a packet after which it is given up: longer than any USB serial adapter pauses. */
#define RECEIVE_TIMEOUT_MS 100u

#define RUNTIME_NAME_BYTES 8u
#define DIGEST_BYTES 32u
#define BUILD_ID_BYTES 20u
#define INFO_BYTES (2 + 2 + 4 + 4 + 4 * 2 + DIGEST_BYTES + RUNTIME_NAME_BYTES + BUILD_ID_BYTES)
#define STATE_BYTES (10 * 4)
#define MESSAGE_BYTES 120u
#define RESULT_BYTES (4 + 4 + 2 * IMSE_HOP)
#define TENSOR_BYTES (IMSE_FEATURE_BYTES + IMSE_MASK_BYTES + IMSE_PHASE_BYTES)
#define FRAMES_PER_CALL (IMSE_SEGMENT_FRAMES ? IMSE_SEGMENT_FRAMES : 1)

#define BUFFER __attribute__((section(".bss.imse_buffers"), aligned(16)))

/* What the linker made of the whole image: the end of its GNU build-id note. */
extern const uint8_t __build_id__[];

static imse_receiver_t receiver BUFFER;
#if !IMSE_SEGMENT_FRAMES
static int16_t pcm[IMSE_HOP] BUFFER; /* input of a frame, then its output */
static imse_audio_status_t audio_left; /* how the stream fared when the host took the pipeline */
#endif

static struct {
    uint32_t last_byte;  /* cycle count when the last byte came */
    uint16_t seq;        /* number of the last request */
    uint16_t result_seq; /* number of the frame whose result is stored */
    uint8_t has_result;
    uint8_t active;
} service;

static void send_error(uint16_t seq, uint8_t code) {
    imse_send_begin(IMSE_PACKET_ERROR, 0, seq, 1);
    imse_send(&code, 1);
    imse_send_end();
}

static void send_info(uint16_t seq) {
    static const uint8_t digest[DIGEST_BYTES] = IMSE_MODEL_DIGEST;
    char runtime[RUNTIME_NAME_BYTES] = {0};
    for (uint32_t i = 0; i < RUNTIME_NAME_BYTES && imse_network_runtime[i] != '\0'; ++i) {
        runtime[i] = imse_network_runtime[i];
    }
    imse_send_begin(IMSE_PACKET_INFO, 0, seq, INFO_BYTES);
    imse_send_u16(IMSE_PROTOCOL_VERSION);
    imse_send_u16(IMSE_HOP);
    imse_send_u32(IMSE_SAMPLE_RATE_HZ);
    imse_send_u32(platform_clock_hz());
    imse_send_u16(IMSE_FEATURE_BYTES / FRAMES_PER_CALL);
    imse_send_u16(IMSE_MASK_BYTES / FRAMES_PER_CALL);
    imse_send_u16(IMSE_PHASE_BYTES / FRAMES_PER_CALL);
    imse_send_u16(IMSE_SEGMENT_FRAMES);
    imse_send(digest, sizeof digest);
    imse_send(runtime, sizeof runtime);
    imse_send(__build_id__, BUILD_ID_BYTES);
    imse_send_end();
}

__attribute__((weak)) void imse_network_status(imse_network_status_t *status) {
    *status = (imse_network_status_t){IMSE_NETWORK_READY, 0, 0, 0};
}

#if IMSE_SEGMENT_FRAMES

static void take_over(void) {
    service.active = 1;
}

static void send_audio_status(void) {
    for (uint32_t i = 0; i < 5; ++i) {
        imse_send_u32(0);
    }
}

static void restart(void) {
    imse_segment_restart();
}

static int handle_audio(const imse_packet_t *packet) {
    const int mine = imse_segment_handle(packet);
    if (mine) {
        take_over();
    }
    return mine;
}

#else

/* From here on the pipeline is the host's; what the stream loses then says nothing about it. */
static void take_over(void) {
    if (!service.active) {
        imse_audio_status(&audio_left);
        service.active = 1;
    }
}

static void send_audio_status(void) {
    imse_audio_status_t now;
    imse_audio_status(&now);
    const imse_audio_status_t *status = service.active ? &audio_left : &now;
    imse_send_u32(status->state);
    imse_send_u32(status->recorded);
    imse_send_u32(status->missed);
    imse_send_u32(status->overruns);
    imse_send_u32(status->underruns);
}

static void send_result(uint16_t seq, uint8_t flags) {
    const imse_pipeline_frame_t *frame = &imse_pipeline_frame;
    const uint8_t tensors = flags & IMSE_FLAG_TENSORS;
    const uint16_t length = (uint16_t)(RESULT_BYTES + (tensors ? TENSOR_BYTES : 0));
    imse_send_begin(IMSE_PACKET_RESULT, tensors, seq, length);
    imse_send_u32(frame->network_cycles);
    imse_send_u32(frame->frame_cycles);
    imse_send(pcm, sizeof pcm);
    if (tensors) {
        imse_send(frame->features, sizeof frame->features);
        imse_send(frame->mask, sizeof frame->mask);
        imse_send(frame->phase, sizeof frame->phase);
    }
    imse_send_end();
}

static void handle_frame(const imse_packet_t *packet) {
    take_over();
    if (!service.has_result || packet->seq != service.result_seq) {
        service.has_result = 0;
        memcpy(pcm, packet->payload, sizeof pcm);
        if (imse_pipeline_process(pcm, pcm) != 0) {
            send_error(packet->seq, IMSE_ERROR_NETWORK);
            return;
        }
        service.result_seq = packet->seq;
        service.has_result = 1;
    }
    send_result(packet->seq, packet->flags);
}

static void restart(void) {
    service.has_result = 0;
    imse_pipeline_reset();
}

static int handle_audio(const imse_packet_t *packet) {
    if (packet->type != IMSE_PACKET_FRAME) {
        return 0;
    }
    if (packet->length != sizeof pcm) {
        send_error(packet->seq, IMSE_ERROR_LENGTH);
    } else {
        handle_frame(packet);
    }
    return 1;
}

#endif

static void send_state(uint16_t seq) {
    imse_network_status_t status;
    imse_network_status(&status);
    uint16_t length = 0;
    while (status.message && length < MESSAGE_BYTES && status.message[length] != '\0') {
        ++length;
    }
    imse_send_begin(IMSE_PACKET_STATE, 0, seq, (uint16_t)(STATE_BYTES + length));
    imse_send_u32(status.state);
    imse_send_u32(status.arena_bytes);
    imse_send_u32(status.arena_used_bytes);
    imse_send_u32(platform_stack_bytes());
    imse_send_u32(platform_stack_peak_bytes());
    send_audio_status();
    if (length != 0) {
        imse_send(status.message, length);
    }
    imse_send_end();
}

static void handle(const imse_packet_t *packet) {
    service.seq = packet->seq;
    if (handle_audio(packet)) {
        return;
    }
    if (packet->type != IMSE_PACKET_HELLO && packet->type != IMSE_PACKET_RESET &&
        packet->type != IMSE_PACKET_STATUS) {
        send_error(packet->seq, IMSE_ERROR_TYPE);
    } else if (packet->length != 0) {
        send_error(packet->seq, IMSE_ERROR_LENGTH);
    } else if (packet->type == IMSE_PACKET_HELLO) {
        send_info(packet->seq);
    } else if (packet->type == IMSE_PACKET_STATUS) {
        send_state(packet->seq);
    } else {
        take_over();
        restart();
        imse_send_begin(IMSE_PACKET_RESET_DONE, 0, packet->seq, 0);
        imse_send_end();
    }
}

/* Handles what is complete; says what was damaged when report is set. */
static void drain(int report) {
    for (;;) {
        imse_packet_t packet;
        switch (imse_receiver_next(&receiver, &packet)) {
        case IMSE_RECEIVE_MORE:
            return;
        case IMSE_RECEIVE_PACKET:
            handle(&packet);
            break;
        case IMSE_RECEIVE_BAD_CRC:
            if (report) {
                send_error(packet.seq, IMSE_ERROR_CRC);
            }
            break;
        case IMSE_RECEIVE_BAD_LENGTH:
            if (report) {
                send_error(packet.seq, IMSE_ERROR_LENGTH);
            }
            break;
        }
    }
}

/* Gives up on the packet in progress, but not on good ones behind its beginning. */
static void abandon(void) {
    uint16_t seq;
    if (imse_receiver_pending(&receiver, &seq)) {
        send_error(seq, IMSE_ERROR_RECEIVE);
    }
    while (imse_receiver_pending(&receiver, &seq)) {
        imse_receiver_skip(&receiver);
        drain(0);
    }
}

void imse_service_init(void) {
    memset(&service, 0, sizeof service);
    imse_receiver_clear(&receiver);
    restart();
}

int imse_service_active(void) {
    return service.active;
}

void imse_service_poll(void) {
    uint8_t byte;
    int status;
    while ((status = platform_uart_read_byte(&byte)) != 0) {
        if (status < 0) {
            abandon();
        } else {
            imse_receiver_put(&receiver, byte);
            drain(1);
        }
        service.last_byte = platform_cycles();
    }
    uint16_t seq;
    const uint32_t timeout = platform_clock_hz() / 1000u * RECEIVE_TIMEOUT_MS;
    if (imse_receiver_pending(&receiver, &seq) &&
        platform_cycles() - service.last_byte > timeout) {
        abandon();
    }
}

static void send_fault(uint16_t seq, uint32_t pc, uint32_t cfsr, uint32_t hfsr) {
    const uint8_t code = IMSE_ERROR_FAULT;
    imse_send_begin(IMSE_PACKET_ERROR, 0, seq, 1 + 3 * 4);
    imse_send(&code, 1);
    imse_send_u32(pc);
    imse_send_u32(cfsr);
    imse_send_u32(hfsr);
    imse_send_end();
}

void imse_service_fault(uint32_t pc, uint32_t cfsr, uint32_t hfsr) {
#if !IMSE_SEGMENT_FRAMES
    imse_audio_stop();
#endif
    send_fault(service.seq, pc, cfsr, hfsr);
    imse_receiver_clear(&receiver);
    for (;;) {
        uint8_t byte;
        imse_packet_t packet;
        if (platform_uart_read_byte(&byte) <= 0) {
            continue;
        }
        imse_receiver_put(&receiver, byte);
        imse_receive_status_t status;
        while ((status = imse_receiver_next(&receiver, &packet)) != IMSE_RECEIVE_MORE) {
            if (status == IMSE_RECEIVE_PACKET) {
                if (packet.type == IMSE_PACKET_RESET) {
                    platform_restart();
                }
                send_fault(packet.seq, pc, cfsr, hfsr);
            }
        }
    }
}

/*
 * aac.h - AAC beside its decoder: AudioSpecificConfig (ISO/IEC 14496-3 s.1.6.2.1) and RTP payloads
 * in mode AAC-hbr (RFC 3640 s.3.3.6).  Sans-IO; nothing allocates.
 */
#ifndef RTCKIT_AAC_AAC_H
#define RTCKIT_AAC_AAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a track of it is named on rtc-control(5)'s sockets; the clock rate is rate_hz below. */
#define AAC_RTP_NAME "MPEG4-GENERIC"

enum {
	AAC_CONFIG_MAX = 64, /* octets of an AudioSpecificConfig that we take */
	AAC_UNIT_MAX = 8191, /* sizeLength=13 bits (RFC 3640 s.3.3.6) */
	AAC_UNITS_MAX = 16,  /* access units of a payload that we read or write */
	AAC_FMTP_SIZE = 96 + 2 * AAC_CONFIG_MAX /* with its NUL */
};

struct aac_config {
	uint8_t object_type;	 /* of the core: 2 is LC; 5 and 29 are resolved into sbr and ps */
	uint32_t rate_hz;	 /* of the core: samples that a unit's duration counts in */
	uint32_t output_rate_hz; /* with SBR the extension's, else rate_hz */
	uint8_t channel_count;	 /* 1..8; 0 if the config describes them itself (PCE) */
	uint16_t unit_samples;	 /* 1024 or 960, at rate_hz */
	bool sbr, ps;		 /* as signalled explicitly (HE-AAC, HE-AAC v2) */
};
/* 0, -EBADMSG (cut short, reserved rate or channels, object type escaped to 0). */
int aac_config_parse(struct aac_config *c, const uint8_t *asc, size_t size);

/* fmtp of such a track: mode, lengths and config. Characters written or -ENOSPC. */
int aac_fmtp_write(char *text, size_t cap, const uint8_t *asc, size_t size);
/* The config out of a fmtp: its octets, -ENOENT (none), -EBADMSG (not AAC-hbr with 13, 3, 3 bits,
 * or no even count of hexadecimal digits), -ENOSPC. */
int aac_fmtp_config(uint8_t *asc, size_t cap, const char *fmtp);

/* ---- packetiser ---- */

struct aac_unit {
	const uint8_t *p; /* borrowed */
	size_t size;	  /* 1..AAC_UNIT_MAX */
};
/* Whole units, consecutive in time, into one payload (marker set by the caller). Octets, -ENOSPC,
 * -EINVAL (none, too many, or one out of range). */
int aac_pack_units(uint8_t *out, size_t cap, const struct aac_unit *units, size_t count);

/* One unit of any size up to AAC_UNIT_MAX, cut into fragments if it is over max_payload (each with
 * the same header; RFC 3640 s.3.2.3). */
struct aac_pack {
	struct aac_unit unit;
	size_t offset, max_payload;
};
/* 0, -EINVAL. max_payload >= 5. */
int aac_pack_start(struct aac_pack *p, const struct aac_unit *unit, size_t max_payload);
/* The next payload: its octets with *last (the RTP marker) set, 0 when done, -ENOSPC. */
int aac_pack_next(struct aac_pack *p, uint8_t *out, size_t cap, bool *last);

/* ---- depacketiser ---- */

/*
 * index counts the units of a payload: presentation time is the packet's timestamp plus index times
 * unit_samples. unit is borrowed for the call.
 */
typedef void aac_unit_fn(void *arg, const uint8_t *unit, size_t size, unsigned index);

/* Caller's storage; plain data, all zero to begin and after a hole in the sequence numbers. */
struct aac_depack {
	uint8_t buf[AAC_UNIT_MAX]; /* a unit that comes in fragments */
	size_t size, expected;	   /* expected 0: none under way */
	uint32_t ts;
};
/*
 * One RTP payload. Calls fn for each whole unit. Their count; -EBADMSG (nothing was called, a unit
 * under way is forgotten). A payload of interleaved units (AU-Index-delta) is -EBADMSG.
 */
int aac_depack_push(struct aac_depack *d, const uint8_t *payload, size_t size, uint32_t ts,
		    aac_unit_fn *fn, void *arg);

#endif

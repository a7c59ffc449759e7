#include "ice/ice.h"

#include "base/bytes.h"

bool
ice_tuple_equal(const struct ice_tuple *a, const struct ice_tuple *b)
{
	return a->proto == b->proto && a->channel == b->channel &&
	       addr_equal(&a->remote, &b->remote) && addr_equal(&a->local, &b->local);
}

uint32_t
ice_priority(enum ice_candidate_type type, uint16_t local_pref, unsigned component)
{
	/* RFC 8445 s.5.1.2.2: the recommended type preferences. */
	static const uint8_t preference[] = {
	    [ICE_HOST] = 126, [ICE_PRFLX] = 110, [ICE_SRFLX] = 100, [ICE_RELAY] = 0};

	return (uint32_t)preference[type] << 24 | (uint32_t)local_pref << 8 | (256 - component);
}

uint64_t
ice_pair_priority(uint32_t controlling, uint32_t controlled)
{
	return ((uint64_t)MIN_OF(controlling, controlled) << 32) +
	       2 * (uint64_t)MAX_OF(controlling, controlled) + (controlling > controlled);
}

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "select/pick_plan.h"
#include "sys/socket_address.h"

namespace spliceway {

/// XXH32 with the seed 0, as https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md says
/// it. All machines get the same of the same bytes.
std::uint32_t XxHash32(std::span<const std::uint8_t> bytes);

/// XXH32 of what `key` takes of a client's address: the 4 bytes of an IPv4 address, also where it
/// is mapped into IPv6, or the 16 of an IPv6 one, with zeros behind the prefix; then, if it takes
/// that, the port in network order. Nothing for an address that is not IP's.
std::optional<std::uint32_t> HashOf(const SocketAddress& client, const HashKey& key);

}  // namespace spliceway

#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace load {

/// Sends `bytes` on a session of its own, again and again until `seconds` are over and the last is
/// complete; with 0 bytes one session is filled until then. Prints the bytes that the server
/// confirmed and the time that they took.
int RunTransfers(const sockaddr_in& address, double seconds, uint64_t bytes);

}  // namespace load

#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>

#include "sys/unique_fd.h"

namespace load {

using spliceway::UniqueFd;

/// An IPv4 address, from text such as 127.0.0.1; nothing when it is none.
std::optional<sockaddr_in> ParseAddress(const char* host, uint16_t port);

/// A non-blocking listener on a port that the kernel picks; invalid on failure, with errno set.
UniqueFd Listen(sockaddr_in address);
uint16_t LocalPort(int fd);

/// A socket for a connect, which does not block; invalid on failure, with errno set.
UniqueFd ConnectingSocket();
/// Starts to connect without waiting. False when that fails at once, with errno set.
bool StartConnect(int fd, const sockaddr_in& address);
/// Both.
UniqueFd StartConnect(const sockaddr_in& address);
/// Connects and waits for it. Every later call on the socket blocks for `timeout_seconds` at most.
UniqueFd ConnectBlocking(const sockaddr_in& address, int timeout_seconds);

/// The error that a connect which has become writable ended with; 0 when it succeeded.
int ConnectError(int fd);

/// Closing resets the connection: thousands of closed sessions leave no TIME_WAIT to the next run.
void ResetOnClose(int fd);

}  // namespace load

#pragma once

#include <netinet/in.h>

namespace load {

/// The clients of transfers: takes a script a line on standard input, connects for each at once,
/// and prints a report a line as they end, in any order. The line `show` has those that are under
/// way reported as they stand, after which they are of no use any more. Ends when standard input
/// ends.
int RunClients(const sockaddr_in& address);

/// Their servers: prints `listening on HOST:PORT`, then the same for connections that it accepts.
/// One that ends before it has said whose it is, is reported as `{"stranger":BYTES}`.
int RunServers(const char* host, const sockaddr_in& address);

}  // namespace load

#pragma once

#include <netinet/in.h>

namespace load {

/// The server of all modes (protocol.h): prints `listening on HOST:PORT`, then serves until killed.
/// Returns an exit status when it cannot.
int Serve(const char* host, sockaddr_in address);

}  // namespace load

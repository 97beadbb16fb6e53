#pragma once

#include "sys/sys.h"

namespace spliceway::simulator {

// What calls return where they moved nothing.

inline constexpr sys::Result kAgain = {.status = sys::Status::kAgain};
inline constexpr sys::Result kEnd = {.status = sys::Status::kEnd};
inline sys::Result Failed(int error) { return {.status = sys::Status::kFailed, .error = error}; }

}  // namespace spliceway::simulator

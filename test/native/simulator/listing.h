#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "engine/session_list.h"
#include "engine/session_slab.h"
#include "kernel.h"

namespace spliceway::simulator {

/// The operator has asked for the sessions that live.
struct Listing {
  /// One that lived then, on its loop.
  struct Living {
    const Socket* client = nullptr;   ///< The core's.
    const Socket* backend = nullptr;  ///< As well; null where none has answered.
    std::uint64_t upstream = 0;       ///< Bytes so far.
    std::uint64_t downstream = 0;
  };

  std::shared_ptr<SessionList> list;
  std::uint64_t asked_us = 0;
  std::map<std::size_t, Living> lived;  ///< By pair.
};

/// One of them is to be ended, by its name.
struct NamedEnd {
  std::size_t pair = 0;
  SessionName name{};
  std::size_t loop = 0;
  std::uint64_t at_step = 0;  ///< Of the schedule.
};

}  // namespace spliceway::simulator

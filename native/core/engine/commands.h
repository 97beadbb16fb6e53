#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "engine/pool_queue.h"
#include "engine/session_list.h"
#include "engine/session_slab.h"
#include "engine/session_sweep.h"
#include "listen/listening_socket.h"
#include "select/listener_options.h"
#include "session/session.h"

/// What is posted to a loop.
namespace spliceway {

/// A client connection becomes a session. It is counted on its loop already.
struct StartCommand {
  SessionStart start;
  /// The loop goes on at once to pick a backend; else it waits for a command.
  std::optional<Picks> picks = std::nullopt;
  SocketAddress address = {};  ///< The client's, where it is to be reported.
  /// Where it has a place already, of its listener's, or null.
  std::shared_ptr<ServiceRow> service = nullptr;
};

/// A session that waits for a backend tries the addresses of this one.
struct ConnectCommand {
  SessionName session;
  std::uint16_t backend;  ///< Row of the counters; `kNoRow`: its loop picks, by the cycle.
};

/// A session that waits for a backend, whose owner picks, waits for a place in the queue of a pool.
struct QueueCommand {
  SessionName session;
  std::uint16_t pool;
};

/// A session that waits in a queue is to look whether there is a place for it.
struct QueueTurnCommand {
  QueueTurn turn;
};

/// A session that waits for a backend gets a socket that is connected already.
struct JoinCommand {
  SessionName session;
  UniqueFd backend;
  PendingBytes backend_prefix;
};

struct EndCommand {
  SessionName session;
  Ending ending;
};

/// The loop accepts on a listening socket, perhaps beside others.
struct ListenCommand {
  std::shared_ptr<ListeningSocket> socket;
  bool pauses = false;  ///< It begins as after `PauseListenerCommand`.
};

/// The loop accepts no more, but for those who wait already.
struct CloseListenersCommand {
  /// Row of the counters; `kNoRow`: on whatever listener.
  std::uint16_t listener = kNoRow;
};

/// Clients of a listener wait in the kernel's queue, or no longer do.
struct PauseListenerCommand {
  std::uint16_t listener;
  bool pauses;
};

/// The loop tells that it has done all that was posted before; see `Crew::PostBarrier`.
struct BarrierCommand {
  std::uint64_t number;
};

/// Slots are free again, of which a listener of the loop had found none.
struct SlotsFreeCommand {};

/// Other tables are there to pick by; see `Worker::Publish`.
struct PublishCommand {};

using Command = std::variant<StartCommand, ConnectCommand, QueueCommand, QueueTurnCommand,
                             JoinCommand, EndCommand, EndSessionsCommand, ListSessionsCommand,
                             ListenCommand, CloseListenersCommand, PauseListenerCommand,
                             BarrierCommand, SlotsFreeCommand, PublishCommand>;

}  // namespace spliceway

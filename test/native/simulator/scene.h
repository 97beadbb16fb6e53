#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "changes.h"
#include "engine/worker.h"
#include "listing.h"
#include "peer.h"
#include "queueing.h"

namespace spliceway::simulator {

/// A client, the backend it is joined to, and what became of them.
struct Pair {
  std::unique_ptr<Peer> client;
  std::unique_ptr<Peer> backend;
  std::unique_ptr<Peer> rival;  ///< Has answered as well, and the core has not chosen yet.
  std::vector<std::unique_ptr<Peer>> given_up;  ///< Backends that answered too late.
  Habits client_habits;
  Habits backend_habits;
  std::uint64_t starts_at_us = 0;
  bool started = false;
  std::uint64_t generation = 0;  ///< Of the tables that all loops had when it came.
  std::size_t service = 0;       ///< Whose client it is.
  bool by_owner = false;         ///< Handed over by the program instead of accepted by a loop.
  bool joins = false;            ///< To a socket that is connected already.
  std::uint64_t sought_since_us = kNever;  ///< The first attempt that was seen.
  bool left_alone = false;                 ///< No backend answered.
  bool ended_by_owner = false;
  bool is_told = false;    ///< The owner was told of it.
  bool is_held = false;    ///< For the owner's word, though its loop picks.
  bool is_silent = false;  ///< No backend may hear of it: the owner has not said yet that one may.
  /// The owner's word is waited for, but not for long: since then, as far as it is.
  std::uint64_t watched_us = kNever;
  bool is_kept_out = false;  ///< By a word that came in time.
  bool has_set_out = false;  ///< For a backend, as was seen or told.
  bool lets_in = false;      ///< What the owner's word will be.
  bool denied = false;
  bool is_sent_away = false;               ///< The owner's word was to end it.
  std::uint64_t word_at_us = kNever;       ///< When it comes.
  std::optional<SessionName> name;         ///< While the owner knows it.
  std::optional<SessionName> listed_name;  ///< In a list of live sessions.
  /// It lived when such a list was asked for; first then.
  std::uint64_t listed_since_us = kNever;
  std::size_t loop = 0;                    ///< Where it was when the owner was told of it.
  std::optional<CloseReason> reason;       ///< Known only of sessions that are reported.
  std::vector<std::uint16_t> rows_left;    ///< For the owner, who picks.
  std::set<std::uint16_t> owner_rows;      ///< That the owner has picked.
  std::optional<std::uint16_t> row_named;  ///< By the owner, and last.
  /// A loop has accepted it, or its owner has it wait for a place; `kNever` before.
  std::uint64_t waits_since_us = kNever;
  std::uint64_t waited_us = kNever;     ///< It was known to wait then, for the first time.
  bool picked_by_loop = false;          ///< And each attempt is reported.
  std::uint32_t attempts_failed = 0;    ///< That were reported for it.
  std::set<std::int32_t> failed_ports;  ///< Before the loop asked the owner.
  std::set<std::uint16_t> silent_rows;  ///< Of attempts that were reported to have timed out.
  // Since the owner picked last.
  std::set<std::int32_t> lately_failed_ports;
  std::set<std::int32_t> outrun_ports;
};

/// That one sweep may end which rebalances.
inline constexpr std::uint32_t kMostRebalanced = 1;

/// The owner asked the loops to end sessions.
struct Ended {
  EndSessionsCommand asked;
  std::uint64_t began_us = 0;
  std::uint64_t over_us = kNever;      ///< When all loops slept for the first time since.
  std::vector<const Socket*> meant;    ///< That they had of those sessions when it was asked.
  std::uint64_t barrier = 0;           ///< In front of it: no loop was told before it passed this.
  std::size_t last_socket = SIZE_MAX;  ///< From here on they are those of the row's next owner.

  /// Whether it may have closed this socket of the core, or may yet.
  [[nodiscard]] bool Covers(const Socket& socket) const {
    return socket.is_core && socket.number < last_socket &&
           (socket.fd >= 0 || socket.closed_us >= began_us) &&
           (!socket.closed || socket.closed_us <= over_us) && socket.made_us <= over_us;
  }
};

/// The limit that the listener has of its own, as the owner has set it.
struct ServiceLimited {
  std::shared_ptr<ServiceRow> row;  ///< Null where it has none.
  std::uint32_t most = 0;
  std::uint64_t generation = 0;  ///< Of the tables that said so.
};

/// Who takes part in a schedule and what became of them: the world writes it, the oracle judges.
struct Scene {
  std::unique_ptr<Crew> crew;
  std::vector<int> epolls;  ///< Of the workers.
  SessionTimeouts timeouts;
  std::uint16_t keep_alive_s = 0;
  ClientLimits clients;
  Picks picks = Picks::kByCycle;
  bool holds = false;         ///< The owner holds clients, at times.
  bool watches = false;       ///< The owner watches clients, and does not always keep up.
  bool owner_stands = false;  ///< It will take events later, and answers nobody before.
  bool few_descriptors = false;
  bool few_events = false;   ///< So few that the owner does not follow.
  bool has_changes = false;  ///< Two listeners, of a pool each, and nothing stays as it is.
  std::vector<Service> services;
  Changes changes;
  Queueing queueing;
  ServiceLimited service_limited;
  std::vector<Pair> pairs;
  std::vector<std::uint16_t> rows;  ///< Of the backends, which are their ports.
  /// Rows that were taken out of the tables: in which generation, and whether they are vacant.
  struct Removed {
    std::uint64_t generation;
    bool is_vacant;
  };
  std::map<std::uint16_t, Removed> removed;
  /// Of IPv4, that connections to the backends come from, by their last bytes; empty: any.
  std::vector<std::uint8_t> sources;
  std::set<std::uint16_t> pairs_of_addresses;           ///< Rows that have two, of both families.
  std::map<std::uint16_t, std::uint32_t> limits;        ///< Of those rows that have one.
  std::map<std::uint16_t, std::uint64_t> failures;      ///< By row, as events told them.
  std::map<std::uint16_t, std::uint64_t> early_resets;  ///< The same.
  std::vector<Ended> ended;                             ///< Sessions, of backends or listeners.
  std::vector<Listing> listings;                        ///< That are not complete.
  std::vector<const Socket*> named_ends;  ///< Of clients whose sessions were ended by name.
  std::uint64_t refusals = 0;             ///< As events told them.
  std::uint64_t unreported = 0;           ///< As events told them.
  std::uint64_t stimuli = 0;              ///< What the core may have had to react to.
  std::uint64_t longest_turn_us = 0;      ///< Of any loop, by the clock of the kernel.
  bool drain_asked = false;
  bool gave_up = false;  ///< The peers were made to go.
};

}  // namespace spliceway::simulator

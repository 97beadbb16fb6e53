#include "engine/session_list.h"

#include <algorithm>
#include <numeric>

namespace spliceway {
namespace {

/// For each session of a list that is not of all.
constexpr std::size_t kLooksForOne = 64;

/// A step through so many slots that comes to each of them before it comes to one again, and where
/// any few in a row lie far from each other: nearly the golden section of them.
std::size_t StrideThrough(std::size_t slots) {
  std::size_t stride = std::max<std::size_t>(1, slots * 618 / 1000);
  while (std::gcd(stride, slots) != 1) ++stride;
  return stride;
}

std::int32_t RowOrNone(std::uint16_t row) { return row == kNoRow ? -1 : row; }

}  // namespace

void SessionRecord::Address::Set(const SocketAddress& address) {
  if (const std::optional<IpPort> found = address.ip_port()) {
    port = found->port;
    ip = found->ip;
  } else {
    port = address.family() == AF_UNIX ? kUnix : kNone;
  }
}

SessionList::SessionList(std::size_t slots, std::size_t loops, const ListOptions& options,
                         std::size_t first)
    : records_(slots),
      loops_left_(loops),
      options_(options),
      first_(first),
      stride_(options.most == 0 || slots == 0 ? 1 : StrideThrough(slots)) {}

std::size_t SessionList::looks() const {
  if (options_.most == 0) return slots();
  return std::min(slots(), options_.most * kLooksForOne);
}

void SessionList::Write(std::uint32_t slot, std::uint32_t generation, const Session& session) {
  SessionRecord& record = records_[slot];
  if (record.is_taken.exchange(1, std::memory_order_relaxed) != 0) return;
  record.generation = generation;
  record.listener = RowOrNone(session.listener());
  record.backend = session.route.has_place ? RowOrNone(session.backend()) : -1;
  record.pool = session.queued_in() == kNoPool ? -1 : session.queued_in();
  record.phase = static_cast<std::int32_t>(session.phase());
  record.client.Set(session.client_address());
  record.backend_address.Set(session.backend_address());
  record.age_ms = session.age_ms();
  record.quiet_ms = session.is_open() ? session.quiet_ms() : 0;
  record.bytes_upstream = session.moved().bytes_upstream.value();
  record.bytes_downstream = session.moved().bytes_downstream.value();
  if (!options_.figures) return;
  record.client_figures = session.client_figures();
  record.backend_figures = session.backend_figures();
}

bool SessionLister::has_slot() const {
  const SessionList& list = *lists_.front();
  const std::uint32_t most = list.options().most;
  return looks_ < list.looks() && (most == 0 || written_ < most);
}

void SessionLister::Finish() {
  list().LoopIsDone();
  lists_.pop_front();
  looks_ = written_ = 0;
}

}  // namespace spliceway

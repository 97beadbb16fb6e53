#include "engine/session_list.h"

namespace spliceway {
namespace {

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

SessionList::SessionList(std::size_t slots, std::size_t loops)
    : records_(slots), loops_left_(loops) {}

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
}

bool SessionLister::has_slot() const { return slot_ < lists_.front()->slots(); }

void SessionLister::Finish() {
  list().LoopIsDone();
  lists_.pop_front();
  slot_ = 0;
}

}  // namespace spliceway

#include "engine/crew.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/worker.h"

namespace spliceway {

Crew::Crew(std::size_t sessions, std::size_t backends, std::size_t listeners,
           std::shared_ptr<Counters> shared_counters, const PipeLimits& pipe_limits,
           std::size_t loops, std::function<void()> doorbell, std::size_t most_events)
    : slab(sessions, loops),
      clients(sessions),
      service_clients(sessions),
      counters(std::move(shared_counters)),
      table(backends),
      own_connections(sessions),
      events(backends, listeners, std::move(doorbell), most_events),
      pipes(pipe_limits, loops) {}

Crew::~Crew() = default;

std::optional<std::uint32_t> Crew::TakeSlot(int& error, std::size_t loop) {
  const std::optional<std::uint32_t> slot = slab.Take(error, loop);
  if (!slot) return slot;
  SessionCounters& session = counters->Session(*slot);
  session.bytes_upstream.Reset();
  session.bytes_downstream.Reset();
  return slot;
}

void Crew::GiveSlot(std::uint32_t slot, std::size_t loop) {
  slab.Give(slot, loop);
  if (draining.load()) ReportIfDrained();
  if (!slots_wanted.load() || !slab.has_room() || !slots_wanted.exchange(false)) return;
  for (const std::unique_ptr<Worker>& worker : workers) worker->TellOfSlots();
}

void Crew::LimitService(ListenerOptions& options, const ServiceLimits& limits) {
  options.service_number = limits.number;
  options.service_clients = limits.clients;
  const std::shared_ptr<ServiceRow> row =
      limits.most > 0 ? services_.Of(limits.number) : services_.Find(limits.number);
  if (row == nullptr) return;
  row->sessions.Limit(limits.most);
  TellOfPlaces(*row);
  if (limits.most > 0) options.service = row;
}

void Crew::TellOfPlaces(ServiceRow& service) {
  if (!service.TakeWanted()) return;
  for (const std::unique_ptr<Worker>& worker : workers) worker->TellOfSlots();
}

void Crew::ReportIfDrained() {
  if (open_listeners.load() > 0 || slab.in_use() > 0 || !slab.is_empty()) return;
  if (draining.exchange(false)) {
    events.Push({.kind = SessionEvent::Kind::kDrained});
  }
}

// ── Listeners ──

void Crew::Listen(UniqueFd fd, std::uint16_t listener, int in_a_row, bool pauses) {
  closing_.erase(listener);
  const std::shared_ptr<ListeningSocket> socket =
      workers.front()->MakeListening(std::move(fd), listener, workers.size(), in_a_row);
  open_listeners.fetch_add(workers.size());
  // Whose loops are the first to be woken differs from listener to listener.
  for (std::size_t step = 0; step < workers.size(); ++step) {
    workers[(listener + step) % workers.size()]->Post(
        ListenCommand{.socket = socket, .pauses = pauses});
  }
}

void Crew::CloseListener(std::uint16_t listener) {
  for (const std::unique_ptr<Worker>& worker : workers) {
    worker->Post(CloseListenersCommand{.listener = listener});
  }
  closing_[listener] = {.barrier = PostBarrier()};
}

void Crew::PauseListener(std::uint16_t listener, bool pauses) {
  for (const std::unique_ptr<Worker>& worker : workers) {
    worker->Post(PauseListenerCommand{.listener = listener, .pauses = pauses});
  }
}

bool Crew::IsListenerVacant(std::uint16_t listener) {
  const auto found = closing_.find(listener);
  if (found == closing_.end()) return false;
  Closing& closing = found->second;
  if (!HavePassed(closing.barrier)) return false;
  // Those whom a loop took as it closed it begin before another loop passes this.
  if (!closing.is_closed) closing = {.barrier = PostBarrier(), .is_closed = true};
  if (!HavePassed(closing.barrier)) return false;
  for (std::size_t writer = 0; writer < counters->writers(); ++writer) {
    if (counters->Listener(writer, listener).open.value() > 0) return false;
  }
  sweeps_.NoteOver(SweepsOver());
  return !sweeps_.NameListener(listener);
}

std::uint64_t Crew::PostBarrier() {
  ++barriers_;
  for (const std::unique_ptr<Worker>& worker : workers) {
    worker->Post(BarrierCommand{.number = barriers_});
  }
  return barriers_;
}

bool Crew::HavePassed(std::uint64_t barrier) const {
  return std::all_of(workers.begin(), workers.end(), [=](const std::unique_ptr<Worker>& worker) {
    return worker->passed_barrier() >= barrier;
  });
}

// ── Tables ──

void Crew::Publish() {
  if (!table.Publish()) return;
  for (const std::unique_ptr<Worker>& worker : workers) worker->Publish(table.published());
  for (const std::uint16_t pool : table.TakeChangedPools()) TellAllOfQueue(pool);
}

std::uint64_t Crew::TakenGeneration() const {
  std::uint64_t taken = table.published()->generation();
  for (const std::unique_ptr<Worker>& worker : workers) {
    taken = std::min(taken, worker->taken_generation());
  }
  return taken;
}

bool Crew::IsVacant(std::uint16_t row, std::uint64_t removed) {
  if (TakenGeneration() < removed || table.Row(row).in_use() > 0) return false;
  // A session that has left its place has its last count to write yet.
  for (std::size_t writer = 0; writer < counters->writers(); ++writer) {
    if (counters->Backend(writer, row).open.value() > 0) return false;
  }
  return !IsSwept(row);
}

bool Crew::IsSwept(std::uint16_t row) {
  sweeps_.NoteOver(SweepsOver());
  return sweeps_.NameBackend(row);
}

// ── Rows ──

void Crew::ResetBackend(std::uint16_t row) {
  table.Reset(row);
  for (std::size_t writer = 0; writer < counters->writers(); ++writer) {
    Reset(counters->Backend(writer, row));
  }
}

void Crew::ResetListener(std::uint16_t listener) {
  events.ForgetListener(listener);
  for (std::size_t writer = 0; writer < counters->writers(); ++writer) {
    Reset(counters->Listener(writer, listener));
    Reset(counters->Ends(writer, listener));
  }
}

// ── Queues ──

void Crew::TellQueue(std::uint16_t pool) {
  if (!table.PoolRowOf(pool).has_waiting()) return;
  if (PoolQueue* const queue = queues.Find(pool)) Post(queue->Tell());
}

void Crew::TellAllOfQueue(std::uint16_t pool) {
  if (!table.PoolRowOf(pool).has_waiting()) return;
  if (PoolQueue* const queue = queues.Find(pool)) Post(queue->TellAll());
}

void Crew::Post(const QueueTurns& turns) {
  for (const QueueTurn& turn : turns) {
    workers[turn.waiter.loop]->Post(QueueTurnCommand{.turn = turn});
  }
}

void Crew::LimitPool(std::uint16_t pool, std::uint32_t most, std::uint32_t queue_length,
                     std::uint32_t queue_timeout_ms) {
  PoolRow& row = table.PoolRowOf(pool);
  row.sessions.Limit(most);
  row.LimitQueue(queue_length, queue_timeout_ms);
  TellAllOfQueue(pool);
}

void Crew::ResetPool(std::uint16_t pool) {
  table.PoolRowOf(pool).Reset();
  for (HistogramRow& row : counters->histograms().Of(pool)) Reset(row);
  if (PoolQueue* const queue = queues.Find(pool)) queue->ResetFigures();
}

// ── Sweeps ──

void Crew::EndSessions(const EndSessionsCommand& asked) {
  sweeps_.NoteOver(SweepsOver());
  sweeps_.Note(asked);
  for (const std::unique_ptr<Worker>& worker : workers) worker->Post(asked);
}

/// How many every loop is done with: of each loop the first so many.
std::uint64_t Crew::SweepsOver() const {
  std::uint64_t over = std::numeric_limits<std::uint64_t>::max();
  for (const std::unique_ptr<Worker>& worker : workers) {
    over = std::min(over, worker->sweeps_over());
  }
  return over;
}

std::shared_ptr<SessionList> Crew::ListSessions(const ListOptions& options) {
  const std::size_t slots = slab.high_water();
  const std::size_t first =
      options.most == 0 || slots == 0 ? 0 : samples_.Below(static_cast<std::uint32_t>(slots));
  auto list = std::make_shared<SessionList>(slots, workers.size(), options, first);
  for (const std::unique_ptr<Worker>& worker : workers) {
    worker->Post(ListSessionsCommand{.list = list});
  }
  return list;
}

}  // namespace spliceway

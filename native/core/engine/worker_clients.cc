// How a loop gets its clients, and how they leave.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/worker.h"
#include "sys/sys.h"

namespace spliceway {
namespace {

/// Bytes that could be moved while a session begins and sets out for its backend.
constexpr std::size_t kCostOfBeginning = 16 * 1024;

}  // namespace

std::optional<std::uint32_t> Worker::TakeSlot(std::uint16_t listener, int& error) {
  // Its clients cannot do without the owner, and those who leave would fill the queue. At a drain
  // it is the last moment at which those who wait in the kernel can be taken, and they are few.
  if (crew_.events.is_full() && Holds(tables_.latest().OptionsOf(listener)) &&
      !crew_.draining.load()) {
    error = EBUSY;
    return std::nullopt;
  }
  if (crew_.shortage.sessions.load() > 0) {
    error = crew_.shortage.error.load();
    return std::nullopt;
  }
  ServiceRow* const service = tables_.latest().OptionsOf(listener).service.get();
  if (service != nullptr && !service->sessions.Add()) {
    error = kAllPlacesTaken;
    // In this order: whoever finds the second finds the first.
    wants_slots_.store(true);
    service->WantPlaces();
    return std::nullopt;
  }
  const std::optional<std::uint32_t> slot = crew_.TakeSlot(error, index_);
  if (!slot && service != nullptr) service->sessions.Remove();
  if (!slot && error == 0) {
    // As above.
    wants_slots_.store(true);
    crew_.slots_wanted.store(true);
  }
  return slot;
}

// Nobody is told: both were free a moment ago.
void Worker::GiveSlotBack(std::uint32_t slot, std::uint16_t listener) {
  ServiceRow* const service = tables_.latest().OptionsOf(listener).service.get();
  if (service != nullptr) service->sessions.Remove();
  crew_.slab.Give(slot, index_);
}

void Worker::LeaveService(ServiceRow& service, std::uint32_t sessions) {
  service.sessions.Remove(sessions);
  crew_.TellOfPlaces(service);
}

/// What this loop has at a listener counts from now on where the next tables say.
void Worker::CountAnew(const Tables& next) {
  next.VisitChangedListeners(
      tables_.latest(),
      [this](std::size_t listener, const ListenerOptions& before, const ListenerOptions& now) {
        if (before.service == now.service) return;
        const auto open =
            static_cast<std::uint32_t>(crew_.counters->Listener(index_, listener).open.value());
        if (now.service != nullptr) now.service->sessions.AddThere(open);
        if (before.service != nullptr) LeaveService(*before.service, open);
      });
}

/// The tables of the loop that took it may have been others than those of this one.
void Worker::CountArrival(const StartCommand& command) {
  const std::shared_ptr<ServiceRow>& service =
      tables_.latest().OptionsOf(command.start.listener).service;
  if (service == command.service) return;
  if (service != nullptr) service->sessions.AddThere(1);
  if (command.service != nullptr) LeaveService(*command.service);
}

void Worker::TellOfSlots() {
  if (wants_slots_.exchange(false)) Post(SlotsFreeCommand{});
}

void Worker::OnAccepted(std::uint32_t slot, UniqueFd client, const SocketAddress& address,
                        std::uint16_t listener, bool is_tcp) {
  const ListenerOptions& options = tables_.latest().OptionsOf(listener);
  SessionEvent refusal{.kind = SessionEvent::Kind::kRefused, .listener = listener};
  if (const std::optional<IpPort> to = crew_.own_connections.CameBack(client.get(), address)) {
    Refuse(slot, client, listener, is_tcp);
    refusal.kind = SessionEvent::Kind::kCameBack;
    refusal.SetAddress(to);
    return crew_.events.PushCameBack(refusal);
  }
  const bool has_place = crew_.clients.Enter(slot, address, options.clients);
  if (!has_place || !crew_.service_clients.Enter(slot, address, options.service_clients,
                                                 options.service_number)) {
    crew_.clients.Leave(slot);
    Refuse(slot, client, listener, is_tcp);
    refusal.reason = has_place ? 1 : 0;
    refusal.SetAddress(address);
    return crew_.events.PushRefusal(refusal);
  }
  const Attention attention = crew_.attention.load(std::memory_order_relaxed);
  const bool held = options.picks == Picks::kByOwner || attention == Attention::kHold;
  const bool follows = !crew_.events.is_full();
  const bool reported = held || (attention != Attention::kNone && follows);
  const bool watched = attention == Attention::kWatch && !held;
  const bool awaits_word = held || (watched && reported && !crew_.events.lags());
  if (!reported && attention != Attention::kNone) NoteUnreported(listener);
  if (watched && !awaits_word) {
    crew_.counters->Listener(index_, listener).unheard.Add(1);
  }
  StartCommand command{.start = {.slot = slot,
                                 .client = std::move(client),
                                 .client_prefix = {},
                                 .timeouts = options.timeouts,
                                 .listener = listener,
                                 .accepted_tcp = is_tcp,
                                 .route = {.by_cycle = !awaits_word,
                                           .reported = reported,
                                           .is_remote = !address.is_loopback(),
                                           .awaits_word = awaits_word}},
                       .picks = held ? Picks::kByOwner : Picks::kByCycle,
                       .address = address,
                       .service = options.service};
  Worker& worker = LessLoaded();
  crew_.slab.SetLoop(slot, static_cast<std::uint16_t>(worker.index_));
  if (&worker != this) return worker.Start(std::move(command));
  sessions_alive_.fetch_add(1, std::memory_order_relaxed);
  Begin(command);
}

void Worker::NoteUnreported(std::uint16_t listener) {
  crew_.events.PushUnreported({.kind = SessionEvent::Kind::kUnreported, .listener = listener});
}

/// With a reset, which leaves nothing behind in the kernel, however many there are.
void Worker::Refuse(std::uint32_t slot, const UniqueFd& client, std::uint16_t listener,
                    bool is_tcp) {
  if (is_tcp) sys::SetResetOnClose(client.get());
  GiveSlotBack(slot, listener);
  crew_.counters->Listener(index_, listener).rejected.Add(1);
}

/// The least loaded of this loop and two others, picked at random: "the power of two choices"
/// (M. Mitzenmacher, 2001) evens loads out nearly as well as a look at all of them, and touches
/// fewer cache lines that belong to others. Of equals this one, which spares the handing over.
Worker& Worker::LessLoaded() {
  const std::size_t others = crew_.workers.size() - 1;
  Worker* least = this;
  for (std::size_t look = 0; look < std::min<std::size_t>(others, 2); ++look) {
    // With two others, both; with more, any two, which may be one.
    const std::size_t step = others == 2 ? look : random_.Below(static_cast<std::uint32_t>(others));
    Worker* other = crew_.workers[(index_ + 1 + step) % crew_.workers.size()].get();
    if (other->sessions_alive() < least->sessions_alive()) least = other;
  }
  return *least;
}

void Worker::OnPaused(std::uint16_t listener, int error) {
  const bool is_full = error == kAllPlacesTaken;
  crew_.events.PushListener({.kind = SessionEvent::Kind::kPaused,
                             .reason = is_full ? 1 : 0,
                             .error = is_full ? 0 : error,
                             .listener = listener});
}

void Worker::OnResumed(std::uint16_t listener) {
  crew_.events.PushListener({.kind = SessionEvent::Kind::kResumed, .listener = listener});
}

void Worker::Begin(StartCommand& command) {
  loop_->Spend(kCostOfBeginning);
  CountArrival(command);
  Session& session = crew_.slab.At(command.start.slot);
  if (command.picks && command.start.route.reported) {
    SessionEvent event = EventOf(SessionEvent::Kind::kAccepted, command.start.slot);
    event.listener = command.start.listener;
    event.reason = command.start.route.awaits_word ? 1 : 0;
    event.SetAddress(command.address);
    crew_.events.Push(event);
  }
  const std::optional<Picks> picks = command.picks;
  session.Begin(std::move(command.start), context_);
  if (!picks || !session.alive()) return;
  if (!session.route.awaits_word) return PickFirst(session, &command.address);
  AskOwner(session);
  if (*picks == Picks::kByCycle) session.AwaitWord();
}

/// Nobody has to let in a client that is only watched.
void Worker::OnWordOverdue(Session& session, bool is_late) {
  if (!session.route.awaits_word) return;  // It came, and found no backend that it could try.
  // A loop that comes so late may have stood still, and so may the owner have.
  if (is_late && !session.route.waited_again) {
    session.route.waited_again = true;
    return session.AwaitWord();
  }
  session.route.awaits_word = false;
  crew_.counters->Listener(index_, session.listener()).unheard.Add(1);
  crew_.events.PushLate({.kind = SessionEvent::Kind::kLate, .listener = session.listener()});
  PickFirst(session);
}

// ── The end ──

void Worker::OnSilentEnd(Session& session) {
  // Of a client that was joined to its backend there is no ring.
  if (session.backend() == kNoRow || session.route.is_remote) return;
  session.route.ended_silently = true;
  ring_guard_.NoteSilentEnd();
}

void Worker::OnAnswered(Session& session) {
  session.route.ended_silently = false;
  ring_guard_.SilentEndIsOver();
}

void Worker::OnClosed(Session& session, CloseReason reason, int error) {
  sessions_alive_.fetch_sub(1, std::memory_order_relaxed);
  const bool is_answered = crew_.counters->Session(session.slot()).bytes_downstream.value() > 0;
  if (session.route.ended_silently) ring_guard_.SilentEndIsOver();
  if (reason == CloseReason::kReset && !is_answered && !session.route.is_remote) {
    ring_guard_.NoteReset(loop_->now_ms());
  }
  crew_.clients.Leave(session.slot());
  crew_.service_clients.Leave(session.slot());
  const ListenerOptions& options = tables_.latest().OptionsOf(session.listener());
  if (options.service != nullptr) LeaveService(*options.service);
  GiveUpPlace(session);
  if (session.route.in_queue) {
    LeaveQueue(session,
               reason == CloseReason::kReset ? PoolQueue::Why::kLeft : PoolQueue::Why::kElsewhere);
  }
  closed_.push_back({.slot = session.slot(),
                     .reported = session.route.reported,
                     .reason = reason,
                     .error = error});
}

}  // namespace spliceway

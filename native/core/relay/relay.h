#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "relay/endpoint.h"
#include "relay/low_water_mark.h"
#include "relay/pending_bytes.h"
#include "relay/pipe_pool.h"
#include "sys/sys.h"

namespace spliceway {

/// How bytes are moved. The numbers are those of src/engine/native/binding.ts.
enum class Transfer : std::uint8_t {
  kAuto = 0,    ///< By copying while messages are small, by splice while a stream proves bulk.
  kSplice = 1,  ///< By splice wherever the kernel allows.
  kCopy = 2,    ///< By copying.
};

/// What the relays of one loop share.
struct RelayContext {
  PipePool& pipes;
  /// For copying.
  std::span<std::byte> scratch;
  /// Bytes that a relay may move before the others have their turn.
  std::size_t turn_bytes;
  Transfer transfer = Transfer::kAuto;
  std::uint64_t now_ms = 0;
  /// The same for one that is not known to stream, as far as the loop's turn goes.
  std::size_t message_bytes = SIZE_MAX;
  /// Bytes that relays have written to their sinks so far, in either way.
  std::uint64_t copied = 0;
  std::uint64_t spliced = 0;
};

/// One direction of a session: moves what can be read from `source` to `sink`, then passes the end
/// of the stream on.
///
/// *Invariant:* bytes that were read and not yet written are either in the pipe or in `pending_`,
/// never in both, and nothing is read while there are any. So order is kept, also when a relay
/// changes between copying and splicing; what is held is bounded by one pipe or one scratch buffer;
/// and EAGAIN from a splice into the pipe, which is empty then, can only mean that the socket has
/// nothing (or stands at an urgent mark), never that the pipe is full.
class Relay {
 public:
  enum class State : std::uint8_t {
    kOpen,   ///< The source has not ended, or what it sent has not been written yet.
    kEnded,  ///< All is written, and the sink has been told the end (if the source ended cleanly).
    kAbandoned,  ///< The sink is lost; what was held is dropped.
  };

  struct Progress {
    std::size_t bytes = 0;    ///< Written to the sink.
    std::size_t spliced = 0;  ///< Of these, out of a pipe.
    bool more = false;        ///< Its turn is over: no event will come, call again.
    bool starved = false;     ///< The kernel has no memory: call again in a while, with both ready.
  };

  /// `prefix` is written before anything that is read.
  explicit Relay(PendingBytes prefix = {}) : pending_(std::move(prefix)) {}

  /// Moves bytes until the source is empty, the sink is full, or the turn is over: after
  /// `turn_bytes` of a stream, fewer of what is not known to be one, or many reads.
  /// `close_follows`: the sink is closed as soon as this relay has ended.
  Progress Pump(Endpoint& source, Endpoint& sink, bool close_follows, RelayContext& context);

  /// Something went the other way: from the sink to `source`.
  void NoteAnswer(const Endpoint& source) { mark_.NoteAnswer(source.socket.get()); }

  /// Drops what is held and gives the pipe back. Must be called, or the state be kEnded, before
  /// destruction.
  void Abandon(PipePool& pipes);

  [[nodiscard]] State state() const { return state_; }
  /// The source has nothing more to say; bytes may still be held.
  [[nodiscard]] bool source_ended() const { return source_ended_; }
  /// Bytes read and not yet written.
  [[nodiscard]] std::size_t held() const { return pending_.size() + (pipe_ ? pipe_->held : 0); }
  /// The source may hold bytes that are not reported: call `Pump` in each millisecond, with it
  /// ready.
  [[nodiscard]] bool marked() const {
    return mark_.raised() && state_ == State::kOpen && !source_ended_;
  }
  /// Moves, or may move, much.
  [[nodiscard]] bool streams(Transfer transfer) const {
    return bulk_ || transfer == Transfer::kSplice;
  }
  /// Splicing, because the stream proved bulk or nothing else is wanted.
  [[nodiscard]] bool splices(Transfer transfer) const {
    return !splice_refused_ && transfer != Transfer::kCopy && streams(transfer);
  }

 private:
  void Drain(Endpoint& sink, RelayContext& context, Progress& progress);
  void DrainPending(Endpoint& sink, Progress& progress);
  void DrainPipe(Endpoint& sink, Progress& progress);
  void TakeOutOfPipe(Endpoint& sink, RelayContext& context);
  void Fill(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress);
  void Splice(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress);
  void Copy(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress);
  std::size_t Read(Endpoint& source, std::span<std::byte> into, Progress& progress);
  static void NoteFailedSend(Endpoint& sink, const sys::Result& sent, Progress& progress);
  void NoteTurn(const Endpoint& source, const Progress& progress, std::uint64_t now_ms);
  void NoteEndOfSource(Endpoint& source, int error);
  void PassEndOn(Endpoint& source, Endpoint& sink, bool close_follows);
  void ReleasePipe(PipePool& pipes);

  std::unique_ptr<Pipe> pipe_;
  PendingBytes pending_;
  LowWaterMark mark_;
  State state_ : 4 = State::kOpen;
  bool source_ended_ : 1 = false;
  bool splice_refused_ : 1 = false;
  bool bulk_ : 1 = false;
  std::uint8_t streak_ = 0;  // full reads in a row while not bulk, small turns while it is
};

}  // namespace spliceway

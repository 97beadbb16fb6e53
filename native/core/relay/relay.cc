#include "relay/relay.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sys/sys.h"

namespace spliceway {

using sys::Status;

namespace {

/// Full reads of the scratch buffer in a row that prove a stream to be bulk. HAProxy asks for three
/// of its 16 KiB (`stconn.c`); these are of 64 KiB.
constexpr std::uint8_t kFullReadsOfBulk = 2;
/// A full read of less proves nothing: the turn was crowded.
constexpr std::size_t kLeastProof = 32 * 1024;
/// Turns in a row that moved less than `kSmallTurnBytes` and prove the contrary: below 16 to 32 KiB
/// a copy costs no more than a splice into a pipe and one out of it.
constexpr std::uint8_t kSmallTurnsOfMessages = 16;
constexpr std::size_t kSmallTurnBytes = 16 * 1024;
/// Reads of one relay in one turn. Few bytes can take many of them: reads of a Unix socket stop
/// wherever a message brings descriptors, and those of TCP at urgent bytes.
constexpr int kReadsPerTurn = 64;
/// What a relay that is not known to stream may move in a turn: as much as proves that it does.
constexpr std::size_t kMessageBytes = kFullReadsOfBulk * 64 * 1024;

}  // namespace

Relay::Progress Relay::Pump(Endpoint& source, Endpoint& sink, bool close_follows,
                            RelayContext& context) {
  const std::size_t most =
      streams(context.transfer)
          ? context.turn_bytes
          : std::min({context.turn_bytes, context.message_bytes, kMessageBytes});
  Progress progress;
  int reads = 0;
  while (state_ == State::kOpen && !progress.starved) {
    if (held() > 0 && sink.writable) Drain(sink, context, progress);
    if (sink.failed) {
      Abandon(context.pipes);
    } else if (source_ended_ && held() == 0) {
      PassEndOn(source, sink, close_follows);
    } else if (held() > 0 || !source.readable) {
      break;  // Until the next EPOLLOUT of the sink, or EPOLLIN of the source.
    } else if (progress.bytes >= most || ++reads > kReadsPerTurn) {
      progress.more = true;
      break;
    } else {
      Fill(source, sink, context, progress);
    }
  }
  ReleasePipe(context.pipes);
  context.spliced += progress.spliced;
  context.copied += progress.bytes - progress.spliced;
  if (streams(context.transfer) && !source_ended_) NoteTurn(source, progress, context.now_ms);
  return progress;
}

/// A stream may prove that it deserves a low-water mark; or, without one, that it is none any more.
void Relay::NoteTurn(const Endpoint& source, const Progress& progress, std::uint64_t now_ms) {
  if (source.is_tcp) mark_.NoteTurn(source.socket.get(), progress.bytes, now_ms);
  if (progress.more || progress.bytes >= kSmallTurnBytes || mark_.raised()) {
    streak_ = 0;
  } else if (!source.readable && progress.bytes > 0 && ++streak_ >= kSmallTurnsOfMessages) {
    bulk_ = false;
    streak_ = 0;
  }
}

/// Writes what is held until nothing is left, the sink is full, or the sink fails.
void Relay::Drain(Endpoint& sink, RelayContext& context, Progress& progress) {
  DrainPending(sink, progress);
  while (pending_.size() == 0 && held() > 0 && sink.writable && !sink.failed) {
    if (splice_refused_) {
      // A piece at a time, so that no more memory is needed than for any copy.
      TakeOutOfPipe(sink, context);
      DrainPending(sink, progress);
    } else {
      DrainPipe(sink, progress);
    }
  }
}

void Relay::DrainPending(Endpoint& sink, Progress& progress) {
  while (pending_.size() > 0) {
    const sys::Result sent = sys::Send(sink.socket.get(), pending_.bytes());
    if (sent.status == Status::kOk) {
      pending_.Consume(sent.bytes);
      progress.bytes += sent.bytes;
    } else {
      return NoteFailedSend(sink, sent, progress);
    }
  }
}

void Relay::NoteFailedSend(Endpoint& sink, const sys::Result& sent, Progress& progress) {
  if (sent.status == Status::kAgain || sent.status == Status::kExhausted) {
    sink.writable = false;
    if (sent.status == Status::kExhausted) progress.starved = true;
  } else {
    sink.Fail(sent.error);
  }
}

void Relay::DrainPipe(Endpoint& sink, Progress& progress) {
  // A splice to a socket comes back short when a signal is pending or a buffer runs full, so only
  // EAGAIN says "full".
  while (pipe_->held > 0) {
    const sys::Result moved = sys::Splice(pipe_->read_end.get(), sink.socket.get(), pipe_->held);
    switch (moved.status) {
      case Status::kOk:
        pipe_->held -= moved.bytes;
        progress.bytes += moved.bytes;
        progress.spliced += moved.bytes;
        break;
      case Status::kUnsupported:
        // This sink takes no splice. What is in the pipe already goes on by copying, too.
        splice_refused_ = true;
        return;
      case Status::kAgain:
      case Status::kEnd:
      case Status::kExhausted:
      case Status::kFailed:
        return NoteFailedSend(sink, moved, progress);
    }
  }
}

void Relay::TakeOutOfPipe(Endpoint& sink, RelayContext& context) {
  const std::size_t most = std::min(pipe_->held, context.scratch.size());
  const sys::Result read = sys::ReadPipe(pipe_->read_end.get(), context.scratch.first(most));
  // The pipe is ours, and holds them.
  if (read.status != Status::kOk) return sink.Fail(EIO);
  pipe_->held -= read.bytes;
  pending_ = PendingBytes(context.scratch.first(read.bytes));
}

/// Reads from the source, with nothing held.
void Relay::Fill(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress) {
  if (splices(context.transfer) && pipe_ == nullptr) pipe_ = context.pipes.Borrow(context.now_ms);
  if (splices(context.transfer) && pipe_ != nullptr) {
    Splice(source, sink, context, progress);
  } else {
    Copy(source, sink, context, progress);
  }
}

/// Reads once, into an empty pipe.
void Relay::Splice(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress) {
  const std::size_t most = std::min(pipe_->capacity, context.turn_bytes - progress.bytes);
  const sys::Result moved = sys::Splice(source.socket.get(), pipe_->write_end.get(), most);
  switch (moved.status) {
    case Status::kOk:
      pipe_->held += moved.bytes;
      break;
    case Status::kAgain:
      // A splice stops at an urgent mark and says EAGAIN for ever. A plain read there skips the
      // urgent byte and goes on.
      if (source.urgent) {
        Copy(source, sink, context, progress);
      } else {
        source.readable = false;
      }
      break;
    case Status::kUnsupported:
      splice_refused_ = true;
      break;
    case Status::kFailed:
      // Told once; the plain read below finds the end.
      source.Fail(moved.error);
      [[fallthrough]];
    case Status::kEnd:
      // Standing at an urgent mark, a splice also says 0 once the peer's FIN is there, or reports
      // its reset, with bytes behind the mark. Only a plain read tells the end.
      Copy(source, sink, context, progress);
      break;
    case Status::kExhausted:
      source.readable = false;
      progress.starved = true;
      break;
  }
}

/// Reads through user memory, once or to the end if that is near; keeps what the sink does not
/// take.
void Relay::Copy(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress) {
  std::span<std::byte> into = context.scratch;
  if (!streams(context.transfer)) {
    into = into.first(std::min(into.size(), context.message_bytes - progress.bytes));
  }
  std::size_t got = Read(source, into, progress);
  if (got == 0) return;
  // The end is known before the last bytes are written, so that both leave in one segment.
  while (source.end_told && source.readable && got < into.size()) {
    got += Read(source, into.subspan(got), progress);
  }
  const bool last = source_ended_ && !source.failed;
  std::span<const std::byte> bytes = context.scratch.first(got);
  while (!bytes.empty() && sink.writable) {
    const sys::Result sent = sys::Send(sink.socket.get(), bytes, last);
    if (sent.status == Status::kOk) {
      bytes = bytes.subspan(sent.bytes);
      progress.bytes += sent.bytes;
    } else {
      NoteFailedSend(sink, sent, progress);
      break;
    }
  }
  if (bytes.empty() || sink.failed) return;
  pending_ = PendingBytes(bytes);
  // A sink that is full has been sent a lot; and what a pipe holds needs no memory of ours.
  bulk_ = true;
  streak_ = 0;
}

/// Reads once, and notes what that tells of the source. 0: nothing came.
std::size_t Relay::Read(Endpoint& source, std::span<std::byte> into, Progress& progress) {
  const sys::Result got = sys::Receive(source.socket.get(), into);
  switch (got.status) {
    case Status::kOk:
      break;
    case Status::kAgain:
      // The kernel steps over the urgent byte when a read reaches it, also where nothing follows
      // yet.
      source.urgent = false;
      source.readable = false;
      return 0;
    case Status::kEnd:
      NoteEndOfSource(source, 0);
      return 0;
    case Status::kExhausted:
      source.readable = false;
      progress.starved = true;
      return 0;
    case Status::kUnsupported:
    case Status::kFailed:
      NoteEndOfSource(source, got.error);
      return 0;
  }
  if (got.bytes == into.size()) {
    if (!bulk_ && got.bytes >= kLeastProof && ++streak_ >= kFullReadsOfBulk) {
      bulk_ = true;
      streak_ = 0;
    }
  } else {
    if (!bulk_) streak_ = 0;
    // epoll(7): on a stream socket, a read that gives less than was asked for has emptied it, and
    // an edge reports what comes later. Not so where a read stops short for another reason: at an
    // urgent mark, or between two messages with descriptors on a Unix socket. And the edge of an
    // end that was reported already does not come again.
    if (source.is_tcp && !source.urgent && !source.end_told) source.readable = false;
  }
  return got.bytes;
}

void Relay::NoteEndOfSource(Endpoint& source, int error) {
  source_ended_ = true;
  if (error != 0) source.Fail(error);
  source.readable = false;
}

/// Passes the FIN on. Only when nothing is held: a FIN that overtakes bytes cuts them off.
void Relay::PassEndOn(Endpoint& source, Endpoint& sink, bool close_follows) {
  state_ = State::kEnded;
  // A source that failed did not end its stream; the session answers with a reset.
  if (source.failed || close_follows) return;
  const sys::Result shut = sys::ShutdownWrite(sink.socket.get());
  if (shut.status != Status::kOk) sink.Fail(shut.error);
}

void Relay::Abandon(PipePool& pipes) {
  if (state_ == State::kOpen) state_ = State::kAbandoned;
  pending_.Clear();
  if (pipe_ != nullptr) pipes.Return(std::exchange(pipe_, nullptr));
}

/// A pipe is borrowed only while it holds bytes.
void Relay::ReleasePipe(PipePool& pipes) {
  if (pipe_ != nullptr && pipe_->held == 0) pipes.Return(std::exchange(pipe_, nullptr));
}

}  // namespace spliceway

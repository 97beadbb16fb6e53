#include "relay/relay.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "sys/sys.h"

namespace spliceway {

using sys::Status;

Relay::Progress Relay::Pump(Endpoint& source, Endpoint& sink, RelayContext& context) {
  Progress progress;
  while (state_ == State::kOpen) {
    if (held() > 0 && sink.writable) Drain(sink, progress);
    if (sink.failed) {
      Abandon(context.pipes);
    } else if (source_ended_ && held() == 0) {
      PassEndOn(source, sink);
    } else if (held() > 0 || !source.readable) {
      break;  // Until the next EPOLLOUT of the sink, or EPOLLIN of the source.
    } else if (progress.bytes >= context.turn_bytes) {
      progress.more = true;
      break;
    } else {
      Fill(source, sink, context, progress);
    }
  }
  ReleasePipe(context.pipes);
  return progress;
}

/// Writes what is held until nothing is left, the sink is full, or the sink fails.
void Relay::Drain(Endpoint& sink, Progress& progress) {
  if (pending_.size() > 0) DrainPending(sink, progress);
  if (pending_.size() > 0) return;
  if (pipe_ != nullptr && pipe_->held > 0) DrainPipe(sink, progress);
}

void Relay::DrainPending(Endpoint& sink, Progress& progress) {
  while (pending_.size() > 0) {
    const sys::Result sent = sys::Send(sink.socket.get(), pending_.bytes());
    if (sent.status == Status::kOk) {
      pending_.Consume(sent.bytes);
      progress.bytes += sent.bytes;
    } else if (sent.status == Status::kAgain) {
      sink.writable = false;
      return;
    } else {
      sink.Fail(sent.error);
      return;
    }
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
        break;
      case Status::kAgain:
        sink.writable = false;
        return;
      case Status::kUnsupported: {
        // This sink takes no splice. What is in the pipe already is read out and goes on by
        // copying.
        std::vector<std::byte> held(pipe_->held);
        const sys::Result read = sys::ReadPipe(pipe_->read_end.get(), held);
        pending_ = PendingBytes(std::span(held).first(read.bytes));
        pipe_->held -= read.bytes;
        splice_refused_ = true;
        if (read.status != Status::kOk) {
          sink.Fail(moved.error);
          return;
        }
        DrainPending(sink, progress);
        return;
      }
      case Status::kEnd:
      case Status::kExhausted:
      case Status::kFailed:
        sink.Fail(moved.error);
        return;
    }
  }
}

/// Reads once from the source, into an empty pipe.
void Relay::Fill(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress) {
  if (pipe_ == nullptr && !splice_refused_) pipe_ = context.pipes.Borrow(context.now_ms);
  if (pipe_ == nullptr || splice_refused_) {
    Copy(source, sink, context, progress);
    return;
  }
  const sys::Result moved =
      sys::Splice(source.socket.get(), pipe_->write_end.get(), pipe_->capacity);
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
    case Status::kEnd:
      // Standing at an urgent mark, a splice also says 0 once the peer's FIN or reset is there,
      // with bytes behind the mark. Only a plain read tells the end.
      Copy(source, sink, context, progress);
      break;
    case Status::kExhausted:
    case Status::kFailed:
      NoteEndOfSource(source, moved.error);
      break;
  }
}

/// Reads once from the source through user memory; keeps what the sink does not take.
void Relay::Copy(Endpoint& source, Endpoint& sink, RelayContext& context, Progress& progress) {
  const sys::Result got = sys::Receive(source.socket.get(), context.scratch);
  switch (got.status) {
    case Status::kOk:
      break;
    case Status::kAgain:
      // The kernel steps over the urgent byte when a read reaches it, also where nothing follows
      // yet.
      source.urgent = false;
      source.readable = false;
      return;
    case Status::kEnd:
      NoteEndOfSource(source, 0);
      return;
    case Status::kUnsupported:
    case Status::kExhausted:
    case Status::kFailed:
      NoteEndOfSource(source, got.error);
      return;
  }
  std::span<const std::byte> bytes = context.scratch.first(got.bytes);
  while (!bytes.empty() && sink.writable) {
    const sys::Result sent = sys::Send(sink.socket.get(), bytes);
    if (sent.status == Status::kOk) {
      bytes = bytes.subspan(sent.bytes);
      progress.bytes += sent.bytes;
    } else if (sent.status == Status::kAgain) {
      sink.writable = false;
    } else {
      sink.Fail(sent.error);
      return;
    }
  }
  if (!bytes.empty()) pending_ = PendingBytes(bytes);
}

void Relay::NoteEndOfSource(Endpoint& source, int error) {
  source_ended_ = true;
  if (error != 0) source.Fail(error);
  source.readable = false;
}

/// Passes the FIN on. Only when nothing is held: a FIN that overtakes bytes cuts them off.
void Relay::PassEndOn(Endpoint& source, Endpoint& sink) {
  state_ = State::kEnded;
  // A source that failed did not end its stream; the session answers with a reset.
  if (source.failed) return;
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

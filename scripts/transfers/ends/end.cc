#include "end.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>

#include "sockets.h"

namespace load {
namespace {

/// A turn of one end, each way; the others wait meanwhile.
constexpr int kMostCalls = 64;
constexpr std::uint64_t kMostBytes = 1 << 20;

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

std::uint64_t OrNever(std::uint64_t number) { return number == 0 ? kNever : number; }

std::chrono::milliseconds Pause(std::uint64_t ms) {
  return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(ms));
}

}  // namespace

End::End(UniqueFd fd, const Script& script, bool connecting, std::span<const char> read_before)
    : fd_(std::move(fd)),
      script_(script),
      outgoing_(script.send_key),
      incoming_(script.expect_key),
      connecting_(connecting),
      next_write_pause_(OrNever(script.write_pause_every)),
      read_at_(start_ + Pause(script.first_read_ms)),
      next_read_pause_(OrNever(script.read_pause_every)) {
  if (!fd_.valid()) {
    error_ = errno;
    over_ = true;
  }
  Note(read_before);
}

bool End::Wants(short events, Clock::time_point now) const {
  if (connecting_) return events == POLLOUT;
  if (events == POLLIN) return !input_ended_ && now >= read_at_;
  return CanSend() && now >= write_at_;
}

pollfd End::Wanted(Clock::time_point now) const {
  int events = 0;
  if (Wants(POLLIN, now)) events |= POLLIN;
  if (Wants(POLLOUT, now)) events |= POLLOUT;
  // Errors and hang-ups are reported also to who asks for nothing, again and again.
  return {.fd = events != 0 ? fd_.get() : -1, .events = static_cast<short>(events), .revents = 0};
}

std::optional<Clock::time_point> End::wake_up() const {
  const Clock::time_point now = Clock::now();
  std::optional<Clock::time_point> next;
  const auto add = [&](bool waits, Clock::time_point at) {
    if (waits && at > now) next = next ? std::min(*next, at) : at;
  };
  if (connecting_) return next;
  add(!input_ended_, read_at_);
  add(CanSend(), write_at_);
  return next;
}

bool End::CanSend() const {
  return !output_ended_ && sent_ < send_limit() && (script_.sends_last == 0 || input_ended_);
}

std::uint64_t End::send_limit() const {
  return script_.giving_up() == GivingUp::kNever
             ? script_.send_bytes
             : std::min(script_.send_bytes, script_.gives_up_sent);
}

void End::Advance() {
  if (over_) return;
  if (connecting_) {
    error_ = ConnectError(fd_.get());
    connecting_ = false;
    // These two are resets of a connection that had stood: what came before is still to be read.
    output_ended_ = error_ != 0;
    over_ = error_ != 0 && error_ != ECONNRESET && error_ != EPIPE;
    if (over_) return;
  }
  const Clock::time_point now = Clock::now();
  if (Wants(POLLIN, now)) Receive();
  if (Wants(POLLOUT, now)) Send();
  if (!output_ended_ && sent_ == script_.send_bytes && (script_.ends_last == 0 || input_ended_)) {
    EndStream();
  }
  const bool sent_enough = output_ended_ || sent_ >= script_.gives_up_sent;
  const bool received_enough = input_ended_ || received_ >= script_.gives_up_received;
  if (script_.giving_up() != GivingUp::kNever && sent_enough && received_enough) GiveUp();
  if (input_ended_ && output_ended_) over_ = true;
  if (over_) fd_.Reset();
}

void End::Receive() {
  thread_local std::array<char, 1 << 20> buffer;
  const size_t size = std::min<size_t>(script_.read_size, buffer.size());
  const std::uint64_t until = received_ + kMostBytes;
  for (int calls = 0; calls < kMostCalls && received_ < until; calls++) {
    const ssize_t count = recv(fd_.get(), buffer.data(), size, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) {
      if (error_ == 0) error_ = errno;
      input_ended_ = output_ended_ = true;
      return;
    }
    if (count == 0) {
      input_ended_ = true;
      return;
    }
    Note(std::span(buffer).first(static_cast<size_t>(count)));
    if (received_ >= next_read_pause_) {
      next_read_pause_ = received_ + script_.read_pause_every;
      read_at_ = Clock::now() + Pause(script_.read_pause_ms);
      return;
    }
  }
}

void End::Note(std::span<const char> bytes) {
  received_digest_.Add(bytes);
  if (!wrong_at_) {
    const auto index = incoming_.FirstDifference(received_, bytes);
    if (index) wrong_at_ = received_ + *index;
  }
  received_ += bytes.size();
}

void End::Send() {
  const std::uint64_t until = sent_ + kMostBytes;
  for (int calls = 0; calls < kMostCalls && sent_ < std::min(until, send_limit()); calls++) {
    if (!SendOnce()) return;
    if (sent_ >= next_write_pause_) {
      next_write_pause_ = sent_ + script_.write_pause_every;
      write_at_ = Clock::now() + Pause(script_.write_pause_ms);
      return;
    }
  }
}

/// False when there is no use in another call now.
bool End::SendOnce() {
  if (chunk_sent_ == chunk_.size()) {
    chunk_.resize(std::min(script_.write_size, send_limit() - sent_));
    chunk_sent_ = 0;
    outgoing_.Fill(sent_, chunk_);
  }
  const std::span<const char> rest = std::span(chunk_).subspan(chunk_sent_);
  const ssize_t count = send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return false;
  if (count < 0) {
    // What had come before the reset is still to be read.
    if (error_ == 0) error_ = errno;
    output_ended_ = true;
    return false;
  }
  const auto bytes = static_cast<size_t>(count);
  sent_digest_.Add(rest.first(bytes));
  chunk_sent_ += bytes;
  sent_ += bytes;
  return true;
}

void End::EndStream() {
  output_ended_ = true;
  fin_sent_ = shutdown(fd_.get(), SHUT_WR) == 0;
}

void End::GiveUp() {
  // The kernel told already how it ended; leaving adds nothing to that.
  if (input_ended_ && error_ != 0) return;
  gave_up_ = over_ = true;
  unacknowledged_ = Unacknowledged();
  if (script_.giving_up() == GivingUp::kByReset) ResetOnClose(fd_.get());
}

std::uint64_t End::Unacknowledged() const {
  int bytes = 0;
  ioctl(fd_.get(), SIOCOUTQ, &bytes);
  return static_cast<std::uint64_t>(bytes);
}

const char* End::Outcome() const {
  if (!over_) return "under way";
  if (gave_up_) return "gave up";
  if (error_ == ECONNRESET) return "reset";
  // After the other's FIN, its reset is told to who writes; the stream that came was complete.
  return input_ended_ && (error_ == 0 || error_ == EPIPE) ? "clean" : "failed";
}

std::string End::Report() {
  std::array<char, 640> line;
  const std::int64_t wrong_at = wrong_at_ ? static_cast<std::int64_t>(*wrong_at_) : -1;
  std::snprintf(line.data(), line.size(),
                "{\"number\":%" PRIu64 ",\"outcome\":\"%s\",\"error\":\"%s\",\"sent\":%" PRIu64
                ",\"acknowledged\":%" PRIu64 ",\"fin\":%s,\"received\":%" PRIu64
                ",\"wrongAt\":%" PRId64
                ",\"sentDigest\":\"%s\",\"receivedDigest\":\"%s\""
                ",\"milliseconds\":%.0f}\n",
                script_.number, Outcome(), error_ == 0 ? "" : strerrorname_np(error_), sent_,
                sent_ - std::min(sent_, unacknowledged_), fin_sent_ ? "true" : "false", received_,
                wrong_at, sent_digest_.Finish().c_str(), received_digest_.Finish().c_str(),
                SecondsSince(start_) * 1000);
  return line.data();
}

}  // namespace load

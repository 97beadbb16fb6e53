#include "peer.h"

#include <algorithm>
#include <array>

namespace spliceway::simulator {
namespace {

/// Prime, so that a piece that is lost or comes twice shows wherever it is.
constexpr std::size_t kPeriod = 65'521;

/// Two periods, so that any piece of one is in one place.
const std::string& Pattern() {
  static const std::string pattern = [] {
    std::string bytes(2 * kPeriod, '\0');
    std::uint32_t state = 1;
    for (std::size_t index = 0; index < kPeriod; ++index) {
      state = state * 1'664'525 + 1'013'904'223;
      bytes[index] = bytes[index + kPeriod] = static_cast<char>(state >> 24);
    }
    return bytes;
  }();
  return pattern;
}

}  // namespace

std::string BytesOf(std::uint32_t stream, std::uint64_t offset, std::size_t count) {
  std::string bytes;
  bytes.reserve(count);
  while (bytes.size() < count) {
    const std::size_t at = (offset + bytes.size() + std::size_t{stream} * 9973) % kPeriod;
    bytes.append(Pattern(), at, std::min(count - bytes.size(), kPeriod));
  }
  return bytes;
}

Habits Habits::Choose(Choices& choices, std::size_t most_bytes, bool may_stay) {
  Habits habits;
  habits.bytes = choices.OneIn(4) ? most_bytes : choices.UpTo(most_bytes);
  habits.write_most = choices.OneIn(4) ? 1 + choices.UpTo(habits.bytes) : 1 << 20;
  if (choices.OneIn(4)) habits.read_most = 1 + choices.UpTo(65536);
  // A byte at a time, of many, takes long and shows nothing more.
  habits.write_most = std::max(habits.write_most, habits.bytes / 256 + 1);
  habits.read_most = std::max(habits.read_most, most_bytes / 256 + 1);
  if (choices.OneIn(8)) {
    habits.urgent_at = choices.UpTo(habits.bytes);
    if (choices.OneIn(2)) habits.urgent_at = habits.bytes - habits.urgent_at;
  }
  if (choices.OneIn(8)) habits.silent_ms = 1 + choices.Below(4000);
  if (choices.OneIn(6)) {
    habits.pauses_at = choices.UpTo(most_bytes);
    habits.pause_ms = 1 + choices.Below(may_stay && choices.OneIn(2) ? 10'000 : 500);
  }
  if (choices.OneIn(3)) habits.rest_ms = 100 + choices.Below(400);
  if (choices.OneIn(8)) habits.answers = true;
  constexpr std::array<End, 8> kEnds = {End::kFin, End::kFin,   End::kFin,   End::kFin,
                                        End::kFin, End::kClose, End::kReset, End::kStay};
  habits.end = kEnds[choices.Below(may_stay ? 8 : 7)];
  // What is behind an urgent mark must arrive although a reset follows.
  if (habits.urgent_at != SIZE_MAX && choices.OneIn(2)) {
    habits.end = End::kReset;
    habits.rest_ms = 0;
  }
  if (may_stay && choices.OneIn(16)) habits.never_reads = true;
  return habits;
}

unsigned Peer::ActionsNow() const {
  if (socket_.closed || socket_.phase == Socket::Phase::kConnecting) return 0;
  unsigned actions = 0;
  const bool is_dead = socket_.phase == Socket::Phase::kDead;
  const bool has_more = sent() < habits_.bytes;
  const bool may_write =
      !ended_ && !is_dead && (!habits_.answers || saw_end_) && kernel_.now_us() >= silent_until_us_;
  if (may_write && socket_.is_tcp && !urgent_sent_ && sent() >= habits_.urgent_at)
    actions |= kUrgent;
  const bool is_urgent = (actions & kUrgent) != 0;
  if (may_write && has_more && !is_urgent && kernel_.HasSpace(socket_)) actions |= kWrite;
  const bool rests = habits_.rest_ms > 0 && kernel_.now_us() < rests_until_us_;
  const bool ends = habits_.end != Habits::End::kStay || saw_end_;
  if (may_write && !has_more && ends && (!rests || rests_until_us_ == kNever)) actions |= kEnd;
  const bool reads = !habits_.never_reads && !(paused_ && kernel_.now_us() < paused_until_us_);
  if (reads && !socket_.in.empty()) actions |= kRead;
  const bool has_news = socket_.error != 0 || is_dead || (!saw_end_ && socket_.fin_in);
  if (reads && socket_.in.empty() && has_news) actions |= kNotice;
  return actions;
}

std::uint64_t Peer::acts_at_us() const {
  std::uint64_t next = kNever;
  for (const std::uint64_t until : {silent_until_us_, paused_until_us_, rests_until_us_}) {
    if (until > kernel_.now_us()) next = std::min(next, until);
  }
  return next;
}

void Peer::Act() {
  const unsigned actions = ActionsNow();
  std::array<unsigned, 5> possible{};
  std::uint32_t count = 0;
  for (unsigned action = 1; action <= kUrgent; action <<= 1) {
    if ((actions & action) != 0) possible[count++] = action;
  }
  switch (count == 1 ? possible[0] : possible[choices_.Below(count)]) {
    case kWrite:
      return Write();
    case kRead:
      return ReadSome();
    case kNotice:
      return Notice();
    case kEnd:
      return EndStream();
    default:
      urgent_sent_ = true;
      kernel_.Trace("stream %u: an urgent byte", stream_);
      kernel_.WriteUrgent(socket_);
  }
}

void Peer::Write() {
  std::size_t most = std::min<std::size_t>(habits_.write_most, habits_.bytes - sent());
  if (sent() < habits_.urgent_at) most = std::min<std::size_t>(most, habits_.urgent_at - sent());
  const std::string bytes = BytesOf(stream_, sent(), most);
  const std::size_t count = kernel_.Write(socket_, bytes.data(), bytes.size());
  kernel_.Trace("stream %u: %zu bytes written", stream_, count);
}

void Peer::ReadSome() {
  std::size_t most = habits_.read_most;
  if (!paused_ && habits_.pauses_at != SIZE_MAX) {
    const std::size_t left = habits_.pauses_at - std::min(habits_.pauses_at, received_.size());
    if (left == 0) {
      paused_ = true;
      paused_until_us_ = kernel_.now_us() + std::uint64_t{habits_.pause_ms} * 1000;
      kernel_.Trace("the peer with stream %u stops reading", stream_);
      return;
    }
    most = std::min(most, left);
  }
  const std::size_t count = kernel_.Read(socket_, most, received_);
  kernel_.Trace("the peer with stream %u reads %zu", stream_, count);
}

void Peer::Notice() {
  if (socket_.error != 0 || (socket_.phase == Socket::Phase::kDead && !socket_.fin_in)) {
    kernel_.Trace("the peer with stream %u sees a reset", stream_);
    saw_reset_ = true;
    kernel_.CloseSocket(socket_);
    return;
  }
  kernel_.Trace("the peer with stream %u sees the end", stream_);
  saw_end_ = true;
  if (ended_ || socket_.phase == Socket::Phase::kDead) kernel_.CloseSocket(socket_);
}

void Peer::EndStream() {
  if (habits_.rest_ms > 0 && rests_until_us_ == kNever) {
    rests_until_us_ = kernel_.now_us() + std::uint64_t{habits_.rest_ms} * 1000;
    return;
  }
  ended_ = true;
  switch (habits_.end) {
    case Habits::End::kReset:
      kernel_.Trace("stream %u: reset", stream_);
      has_reset_ = true;
      return kernel_.Reset(socket_);
    case Habits::End::kClose:
      kernel_.Trace("stream %u: closed", stream_);
      return kernel_.CloseSocket(socket_);
    default:
      kernel_.Trace("stream %u: ended", stream_);
      kernel_.ShutdownWrite(socket_);
      if (saw_end_) kernel_.CloseSocket(socket_);
  }
}

void Peer::GiveUp() {
  gave_up_ = has_reset_ = true;
  kernel_.Trace("the peer with stream %u gives up", stream_);
  kernel_.Reset(socket_);
}

}  // namespace spliceway::simulator

#include "listen/listening_socket.h"

#include <utility>

#include "listen/acceptor.h"
#include "sys/sys.h"

namespace spliceway {

ListeningSocket::ListeningSocket(UniqueFd fd, std::uint16_t listener, bool paces_unless_told,
                                 std::uint16_t keep_alive_s, std::size_t acceptors, int in_a_row)
    : fd_(std::move(fd)),
      listener_(listener),
      keep_alive_s_(keep_alive_s),
      in_a_row_(in_a_row),
      is_shared_(acceptors > 1),
      // Connections inherit their options from the listener, which spares calls for each.
      is_tcp_(sys::SetNoDelay(fd_.get())),
      // Clients of a loopback address are on this machine, nearly always.
      unpaced_(paces_unless_told && sys::LocalAddress(fd_.get()).is_loopback()) {
  if (unpaced_) sys::SwitchPacingOff(fd_.get());
  SetOptions(fd_.get());
  // Whoever opened it may have let clients in before.
  if (is_tcp_) early_ = static_cast<std::ptrdiff_t>(sys::QueuedClients(fd_.get()));
}

void ListeningSocket::SetOptions(int socket) const {
  if (is_tcp_ && keep_alive_s_ != 0) sys::SetKeepAlive(socket, keep_alive_s_);
}

void ListeningSocket::Prepare(int client, const SocketAddress& address, bool may_be_early) {
  // The kernel may have been told to bring it here from elsewhere (DNAT, with `route_localnet`).
  if (unpaced_ && !address.is_loopback()) sys::SwitchPacingOn(client);
  if (!may_be_early) return;
  early_.fetch_sub(1);
  sys::SetNoDelay(client);
  SetOptions(client);
}

void ListeningSocket::Pause(AcceptorOwner& owner, int error) {
  const std::lock_guard lock(mutex_);
  if (paused_++ == 0) owner.OnPaused(listener_, error);
}

void ListeningSocket::Resume(AcceptorOwner& owner) {
  const std::lock_guard lock(mutex_);
  if (--paused_ == 0) owner.OnResumed(listener_);
}

}  // namespace spliceway

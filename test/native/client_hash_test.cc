// The hash of a client's address, which all machines must agree on.

#include "select/client_hash.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "check.h"

namespace spliceway::testing {
namespace {

std::uint32_t Hash(std::string_view text) {
  return XxHash32({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::uint32_t Hash(std::span<const std::uint8_t> bytes) { return XxHash32(bytes); }

SocketAddress At(const std::string& ip, std::uint16_t port = 0) {
  return *SocketAddress::FromIp(ip, port);
}

TEST("client hash: it is XXH32, by its published vectors") {
  CHECK_EQUAL(Hash(""), 0x02CC5D05U);
  CHECK_EQUAL(Hash("a"), 0x550D7456U);
  CHECK_EQUAL(Hash("abc"), 0x32D153FFU);
  CHECK_EQUAL(Hash("Nobody inspects the spammish repetition"), 0xE2293B2FU);
  // Those of the reference implementation's own check, by the bytes that it makes.
  std::array<std::uint8_t, 222> bytes{};
  std::uint64_t generator = 2'654'435'761;
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(generator >> 56);
    generator *= 11'400'714'785'074'694'797U;
  }
  CHECK_EQUAL(Hash(std::span(bytes).first(1)), 0xCF65B03EU);
  CHECK_EQUAL(Hash(std::span(bytes).first(14)), 0x1208E7E2U);
  CHECK_EQUAL(Hash(bytes), 0x5BD11DBDU);
}

TEST("client hash: of the address's bytes, and the port's where they count, in network order") {
  constexpr std::array<std::uint8_t, 6> kV4{192, 0, 2, 7, 0x12, 0x34};
  constexpr std::array<std::uint8_t, 18> kV6{0x20, 1, 0x0D, 0xB8, 0, 0, 0,    0,    0,
                                             0,    0, 0,    0,    0, 0, 0x42, 0x12, 0x34};
  CHECK(HashOf(At("192.0.2.7", 0x1234), {}) == Hash(std::span(kV4).first(4)));
  CHECK(HashOf(At("192.0.2.7", 0x1234), {.with_port = true}) == Hash(kV4));
  CHECK(HashOf(At("2001:db8::42", 0x1234), {}) == Hash(std::span(kV6).first(16)));
  CHECK(HashOf(At("2001:db8::42", 0x1234), {.with_port = true}) == Hash(kV6));
  CHECK(HashOf(At("::ffff:192.0.2.7", 0x1234), {}) == Hash(std::span(kV4).first(4)));
}

TEST("client hash: of the prefix alone, by family") {
  constexpr std::array<std::uint8_t, 4> kV4{192, 0, 0, 0};
  const HashKey key{.ipv4_prefix = 22, .ipv6_prefix = 56};
  CHECK(HashOf(At("192.0.2.7"), key) == Hash(kV4));
  CHECK(HashOf(At("192.0.3.255"), key) == HashOf(At("192.0.0.1"), key));
  CHECK(HashOf(At("192.0.4.1"), key) != HashOf(At("192.0.0.1"), key));
  CHECK(HashOf(At("::ffff:192.0.3.255"), key) == HashOf(At("192.0.0.1"), key));
  CHECK(HashOf(At("2001:db8:0:ff:1::1"), key) == HashOf(At("2001:db8:0:1::2"), key));
  CHECK(HashOf(At("2001:db8:0:100::1"), key) != HashOf(At("2001:db8:0:1::1"), key));
  const HashKey none{.ipv4_prefix = 0, .ipv6_prefix = 0};
  CHECK(HashOf(At("192.0.2.7"), none) == HashOf(At("0.0.0.0"), none));
  CHECK(HashOf(At("2001:db8::42"), none) == HashOf(At("::"), none));
}

TEST("client hash: a client of a Unix socket, or one that is gone, has none") {
  CHECK(!HashOf(*SocketAddress::FromPath("/run/client"), {}));
  CHECK(!HashOf(SocketAddress{}, {}));
}

}  // namespace
}  // namespace spliceway::testing

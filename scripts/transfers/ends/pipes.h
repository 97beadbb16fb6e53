#pragma once

#include <cstddef>

namespace load {

/// Makes pipes of the largest size until those of this user together have all but `left` pages of
/// what pipe-user-pages-soft allows. Prints `holding N pipes`, and holds them until standard input
/// ends.
int HoldPipes(std::size_t left);

}  // namespace load

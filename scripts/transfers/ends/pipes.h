#pragma once

namespace load {

/// Makes pipes of the largest size until those of this user together have all pages that
/// pipe-user-pages-soft allows. Prints `holding N pipes`, and holds them until standard input ends.
int HoldPipes();

}  // namespace load

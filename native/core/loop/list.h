#pragma once

namespace spliceway {

/// A link of an intrusive, doubly linked list: whoever derives from it can be in one list at a
/// time, joins and leaves in constant time, allocates nothing, and leaves by itself when destroyed.
/// A list's head is a link too.
class ListLink {
 public:
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { Unlink(); }

  [[nodiscard]] bool linked() const { return next_ != this; }
  [[nodiscard]] ListLink* next() const { return next_; }

  void Unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
  }

  /// Inserts `link`, which must be in no list, before this one: as the last when this is the head.
  void InsertBefore(ListLink& link) {
    link.previous_ = previous_;
    link.next_ = this;
    previous_->next_ = &link;
    previous_ = &link;
  }

  /// Moves all links of the list with the head `other` to the end of the list with this head.
  void TakeAll(ListLink& other) {
    if (!other.linked()) return;
    other.next_->previous_ = previous_;
    previous_->next_ = other.next_;
    other.previous_->next_ = this;
    previous_ = other.previous_;
    other.previous_ = other.next_ = &other;
  }

 private:
  ListLink* previous_ = this;
  ListLink* next_ = this;
};

}  // namespace spliceway

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// A counted value that many threads read. Unlike std::shared_ptr it can tell for certain that
// nobody else holds it: use_count() is relaxed, is_shared() is an acquire load.
template <class T>
class shared_box {
public:
    shared_box() noexcept = default;
    explicit shared_box(T value) : node_{new node{{1}, std::move(value)}} {}
    shared_box(const shared_box& other) noexcept : node_{other.node_} {
        if (node_)
            node_->count.fetch_add(1, std::memory_order_relaxed);
    }
    shared_box(shared_box&& other) noexcept : node_{std::exchange(other.node_, nullptr)} {}
    shared_box& operator=(shared_box other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~shared_box() {
        if (node_ && node_->count.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete node_;
    }

    explicit operator bool() const noexcept { return node_ != nullptr; }
    bool is_shared() const noexcept {
        return node_ && node_->count.load(std::memory_order_acquire) != 1;
    }
    const T& operator*() const noexcept { return node_->value; }
    // Only for the sole holder.
    T& unshared() noexcept { return node_->value; }

private:
    struct node {
        std::atomic<std::size_t> count;
        T value;
    };
    node* node_ = nullptr;
};

} // namespace detail
} // namespace v0
} // namespace tlsxx

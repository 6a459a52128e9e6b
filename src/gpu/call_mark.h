// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace kgs::gpu {

/// Holds the name of the driver call under way, so that a watchdog on another thread can say where
/// a hung lane hangs. \p name must be a string literal.
class CallMark {
 public:
  class Scope {
   public:
    Scope(CallMark& mark, const char* name) : mark_(mark) {
      mark_.name_.store(name, std::memory_order_relaxed);
    }
    ~Scope() { mark_.name_.store(nullptr, std::memory_order_relaxed); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CallMark& mark_;
  };

  const char* current() const { return name_.load(std::memory_order_relaxed); }

 private:
  std::atomic<const char*> name_{nullptr};
};

}  // namespace kgs::gpu

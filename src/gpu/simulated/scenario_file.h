// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/status.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "gpu/simulated/scenario.h"

namespace kgs::gpu::simulated {

/// A scenario and the moment its time counts from.
struct Playing {
  Scenario scenario;
  base::SteadyTime since;

  base::Duration TimeAt(base::SteadyTime now) const {
    return now > since ? now - since : base::Duration::zero();
  }
};

/// Follows a simulated GPUs file through its changes. Not thread-safe.
class ScenarioFile {
 public:
  /// \p clock must outlive this.
  ScenarioFile(std::string path, const base::Clock& clock);

  /// Reads the file for the first time: INVALID_ARGUMENT, with file and line, where that fails.
  absl::Status Load();

  /// Reads the file again if it changed since (by time, size or inode). A change that cannot be
  /// read is logged once and the last good content stays.
  void Refresh();

  /// The last good content; null before a Load that succeeded. Its time counts from the moment it
  /// was first read: writing the same content again does not start it over.
  const std::shared_ptr<const Playing>& playing() const { return playing_; }

 private:
  /// What stat() says that changes with the content.
  struct Stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t modified_ns;
    int64_t changed_ns;
    bool operator==(const Stamp&) const = default;
  };

  std::optional<Stamp> LookAtFile() const;
  absl::Status Read();

  const std::string path_;
  const base::Clock& clock_;
  /// Of the last look; nothing where there was no file.
  std::optional<Stamp> seen_;
  /// The text of playing_.
  std::string text_;
  std::shared_ptr<const Playing> playing_;
};

}  // namespace kgs::gpu::simulated

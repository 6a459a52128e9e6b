// SPDX-License-Identifier: Apache-2.0
//
// A /proc for the tests of this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace kgs::processes::testing {

inline constexpr char kPodA[] = "aaaaaaaa-7d3b-4f0e-9f0c-2f6f0c8f6a11";
inline constexpr char kPodB[] = "bbbbbbbb-7d3b-4f0e-9f0c-2f6f0c8f6a11";

class FakeProc {
 public:
  FakeProc() { SetPidNamespace("pid:[4026531836]"); }

  void SetPidNamespace(const std::string& name) {
    const auto link = folder_.path() / "self" / "ns" / "pid";
    std::filesystem::create_directories(link.parent_path());
    std::filesystem::remove(link);
    std::filesystem::create_symlink(name, link);
  }

  void AddInPod(uint32_t pid, uint64_t started, const std::string& pod_uid) {
    Add(pid, started, "0::/kubepods/burstable/pod" + pod_uid + "/4a5e8c2b\n");
  }
  void Add(uint32_t pid, uint64_t started, const std::string& cgroup) {
    std::filesystem::create_directories(Folder(pid));
    // As proc(5) has it, with a name that does its worst.
    Write(pid, "stat",
          std::to_string(pid) + " (a b) R (c) S 1 2 3 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 1 0 " +
              std::to_string(started) + " 1000 20\n");
    Write(pid, "cgroup", cgroup);
  }
  void Write(uint32_t pid, const std::string& file, const std::string& text) {
    std::ofstream(Folder(pid) / file) << text;
  }
  void Remove(uint32_t pid, const std::string& file) {
    std::filesystem::remove(Folder(pid) / file);
  }
  void End(uint32_t pid) { std::filesystem::remove_all(Folder(pid)); }

  std::string root() const { return folder_.path().string(); }

 private:
  std::filesystem::path Folder(uint32_t pid) const { return folder_.path() / std::to_string(pid); }

  const kgs::testing::TempFolder folder_;
};

}  // namespace kgs::processes::testing

// SPDX-License-Identifier: Apache-2.0
//
// Keys of a script whose value is a member of what the script describes: a table a kind.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>

namespace kgs::fake_driver {

template <typename Described>
struct NumberKey {
  const char* key;
  int64_t Described::* member;
};
/// The rest of the line.
template <typename Described>
struct TextKey {
  const char* key;
  std::string Described::* member;
};
/// True where the key stands alone on a line.
template <typename Described>
struct FlagKey {
  const char* key;
  bool Described::* member;
};

inline bool AtEnd(std::istringstream& words) {
  std::string rest;
  return !(words >> rest);
}

/// The words that are left, with one space between them.
inline bool ParseText(std::istringstream& words, std::string& text) {
  text.clear();
  std::string word;
  while (words >> word) text += (text.empty() ? "" : " ") + word;
  return true;
}

/// Whether the rest of a line is right for \p key; nothing where no table has it.
template <typename Described>
std::optional<bool> ParseKey(const std::string& key, std::istringstream& words,
                             std::span<const NumberKey<Described>> numbers,
                             std::span<const TextKey<Described>> texts,
                             std::span<const FlagKey<Described>> flags, Described& described) {
  for (const NumberKey<Described>& row : numbers) {
    if (key == row.key) return (words >> described.*row.member) && AtEnd(words);
  }
  for (const TextKey<Described>& row : texts) {
    if (key == row.key) return ParseText(words, described.*row.member);
  }
  for (const FlagKey<Described>& row : flags) {
    if (key == row.key) return (described.*row.member = true) && AtEnd(words);
  }
  return std::nullopt;
}

}  // namespace kgs::fake_driver

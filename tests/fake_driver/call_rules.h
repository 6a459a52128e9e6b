// SPDX-License-Identifier: Apache-2.0
//
// What a script says of the functions of a fake library: answer an error, hang, take its time.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

namespace kgs::fake_driver {

/// What the script says of one function.
struct CallRule {
  std::optional<unsigned int> error;
  bool hang = false;
  std::optional<unsigned int> delay_ms;

  /// Takes over what \p rules say of \p symbol and this does not.
  void Merge(const std::map<std::string, CallRule>& rules, const std::string& symbol) {
    const auto found = rules.find(symbol);
    if (found == rules.end()) return;
    if (!error) error = found->second.error;
    if (!delay_ms) delay_ms = found->second.delay_ms;
    hang |= found->second.hang;
  }
};
using CallRules = std::map<std::string, CallRule>;

inline bool IsRuleKey(const std::string& key) {
  return key == "error" || key == "hang" || key == "delay";
}

/// Reads what follows \p key ("error SYMBOL CODE", "hang SYMBOL", "delay SYMBOL MILLISECONDS") into
/// \p rules. False where that is wrong; what follows the rule is left to the caller.
inline bool ParseRule(const std::string& key, std::istringstream& words, CallRules& rules) {
  std::string symbol;
  if (!(words >> symbol)) return false;
  CallRule& rule = rules[symbol];
  if (key == "hang") return rule.hang = true;
  unsigned int number = 0;
  if (!(words >> number)) return false;
  (key == "error" ? rule.error : rule.delay_ms) = number;
  return true;
}

/// Waits, without \p lock, as the rule says that \p rule_now returns, which is asked again while a
/// call hangs. Returns the rule.
template <typename RuleNow>
CallRule Obey(std::unique_lock<std::mutex>& lock, RuleNow rule_now) {
  constexpr auto kHangPoll = std::chrono::milliseconds(2);
  const auto wait = [&lock](auto duration) {
    lock.unlock();
    std::this_thread::sleep_for(duration);
    lock.lock();
  };
  CallRule rule = rule_now();
  if (rule.delay_ms) wait(std::chrono::milliseconds(*rule.delay_ms));
  while (rule.hang) {
    wait(kHangPoll);
    rule = rule_now();
  }
  return rule;
}

}  // namespace kgs::fake_driver

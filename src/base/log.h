// SPDX-License-Identifier: Apache-2.0
//
// Structured log lines on standard error, as JSON objects or as text. A thin door to spdlog, so
// that its headers stay out of ours.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace kgs::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kJson, kText };

/// One key of a log line. The value is always text.
struct LogField {
  std::string_view key;
  std::string value;
};

/// Sets level and format for the whole process. Call once, before other threads log.
void ConfigureLog(LogLevel level, LogFormat format);

/// Writes one line. May be called from any thread, before ConfigureLog too (info, JSON).
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void LogDebug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarn(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarn, message, fields);
}
inline void LogError(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

/// The line that Log writes at \p time (RFC 3339), without line end: for Log and its tests.
std::string FormatLogLine(LogFormat format, LogLevel level, std::string_view time,
                          std::string_view message, std::initializer_list<LogField> fields);

}  // namespace kgs::base

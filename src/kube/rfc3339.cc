// SPDX-License-Identifier: Apache-2.0
#include "kube/rfc3339.h"

#include <chrono>

namespace kgs::kube {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Takes what a time is made of off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return rest_.empty(); }

  /// Exactly \p digits of them, of a number that is at most \p most.
  int Number(int digits, int most) {
    int number = 0;
    for (int i = 0; i < digits; ++i) {
      if (rest_.empty() || !IsDigit(rest_.front())) return Fail();
      number = number * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return number <= most ? number : Fail();
  }

  bool Take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void Need(char wanted) {
    if (!Take(wanted)) Fail();
  }

  void Fraction() {
    if (!Take('.')) return;
    if (rest_.empty() || !IsDigit(rest_.front())) Fail();
    while (!rest_.empty() && IsDigit(rest_.front())) rest_.remove_prefix(1);
  }

  /// Minutes east of Greenwich.
  int Offset() {
    if (Take('Z')) return 0;
    const bool east = Take('+');
    if (!east) Need('-');
    const int hours = Number(2, 23);
    Need(':');
    const int minutes = hours * 60 + Number(2, 59);
    return east ? minutes : -minutes;
  }

 private:
  int Fail() {
    ok_ = false;
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::optional<int64_t> ParseRfc3339(std::string_view text) {
  namespace chrono = std::chrono;
  Reader reader(text);
  const chrono::year year(reader.Number(4, 9999));
  reader.Need('-');
  const chrono::month month(static_cast<unsigned>(reader.Number(2, 12)));
  reader.Need('-');
  const chrono::day day(static_cast<unsigned>(reader.Number(2, 31)));
  reader.Need('T');
  const chrono::hours hours(reader.Number(2, 23));
  reader.Need(':');
  const chrono::minutes minutes(reader.Number(2, 59));
  reader.Need(':');
  const chrono::seconds seconds(reader.Number(2, 59));
  reader.Fraction();
  const chrono::minutes offset(reader.Offset());
  const chrono::year_month_day date(year, month, day);
  if (!reader.ok() || !reader.AtEnd() || !date.ok()) return std::nullopt;
  const chrono::sys_seconds at = chrono::sys_days(date) + hours + minutes + seconds - offset;
  return at.time_since_epoch().count();
}

}  // namespace kgs::kube

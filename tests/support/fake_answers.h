// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/mutex.h"
#include "scaler/answers.h"

namespace kgs::testing {

/// Answers as it is told to; at first it knows no trigger. Any thread.
class FakeAnswers final : public scaler::Answers {
 public:
  void Set(absl::StatusOr<double> answer) {
    base::MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  int refreshes() const {
    base::MutexLock lock(mutex_);
    return refreshes_;
  }
  int checks() const {
    base::MutexLock lock(mutex_);
    return checks_;
  }

  absl::Status Check(const scaler::Question&) const override { return Answer().status(); }
  absl::StatusOr<double> Value(const scaler::Question&) const override { return Answer(); }
  absl::StatusOr<bool> Active(const scaler::Question& question) const override {
    const auto answer = Answer();
    if (!answer.ok()) return answer.status();
    return *answer > question.spec.activation_threshold;
  }
  void Refresh() override {
    base::MutexLock lock(mutex_);
    ++refreshes_;
  }

 private:
  absl::StatusOr<double> Answer() const {
    base::MutexLock lock(mutex_);
    ++checks_;
    return answer_;
  }

  mutable base::Mutex mutex_;
  absl::StatusOr<double> answer_ KGS_GUARDED_BY(mutex_) = absl::NotFoundError("no such trigger");
  int refreshes_ KGS_GUARDED_BY(mutex_) = 0;
  mutable int checks_ KGS_GUARDED_BY(mutex_) = 0;
};

}  // namespace kgs::testing

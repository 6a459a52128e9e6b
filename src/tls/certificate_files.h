// SPDX-License-Identifier: Apache-2.0
//
// Certificates whose files are renewed while the process runs.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/latest.h"
#include "base/thread.h"
#include "telemetry/counters.h"
#include "tls/certificates.h"

namespace kgs::tls {

/// The files of one port, or of one kind of connection. What cannot be used when it is read again
/// changes nothing: what was there before stays, is logged once, and is tried again.
class CertificateFiles {
 public:
  /// As ReadCertificates. \p name, as logs and metrics say it: "keda".
  static absl::StatusOr<std::unique_ptr<CertificateFiles>> Load(std::string name,
                                                                CertificatePaths paths);

  const std::string& name() const { return name_; }
  /// Never null; another pointer after each change. Any thread.
  std::shared_ptr<const Certificates> Current() const { return current_.Get(); }
  /// Readings that could not be used. Any thread.
  const telemetry::Counter& failures() const { return failures_; }
  /// Reads the files. One thread.
  void Reload();

 private:
  CertificateFiles(std::string name, CertificatePaths paths)
      : name_(std::move(name)), paths_(std::move(paths)) {}

  const std::string name_;
  const CertificatePaths paths_;
  base::Latest<Certificates> current_;
  telemetry::Counter failures_;
  /// Of the last reading, and of it what has been logged; empty where it was good.
  std::string problem_;
  std::string said_;
};

/// Reads the files again every two seconds. (By their content: a Secret's volume is swapped as a
/// whole by a symlink, and times of files are coarse.)
class CertificateWatch {
 public:
  CertificateWatch();
  /// Before Start. Kept for as long as this lives.
  CertificateFiles& Add(std::unique_ptr<CertificateFiles> files);
  const std::vector<std::unique_ptr<CertificateFiles>>& all() const { return files_; }
  /// Nothing to do, and no thread, where no files were added.
  void Start();
  void Stop() { thread_.Stop(); }
  std::vector<base::ThreadHealth> Health(base::SteadyTime now) const;

 private:
  std::vector<std::unique_ptr<CertificateFiles>> files_;
  base::LoopThread thread_;
};

}  // namespace kgs::tls

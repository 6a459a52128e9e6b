// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate_files.h"

#include <utility>

#include "base/log.h"

namespace kgs::tls {
namespace {

constexpr base::Duration kInterval = std::chrono::seconds(2);

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateFiles>> CertificateFiles::Load(std::string name,
                                                                         CertificatePaths paths) {
  auto read = ReadCertificates(paths);
  if (!read.ok()) return read.status();
  std::unique_ptr<CertificateFiles> files(new CertificateFiles(std::move(name), std::move(paths)));
  files->current_.Set(std::make_shared<const Certificates>(*std::move(read)));
  return files;
}

void CertificateFiles::Reload() {
  auto read = ReadCertificates(paths_);
  if (!read.ok()) {
    failures_.Add();
    // Between the writing of one file and the other a pair does not fit: only what lasts is news.
    const std::string problem(read.status().message());
    const bool lasts = std::exchange(problem_, problem) == problem;
    if (lasts && std::exchange(said_, problem) != problem) {
      base::LogError("renewed certificates cannot be used; the ones from before are",
                     {{"of", name_}, {"error", problem}});
    }
    return;
  }
  problem_.clear();
  said_.clear();
  if (*read == *current_.Get()) return;
  current_.Set(std::make_shared<const Certificates>(*std::move(read)));
  base::LogInfo("certificates were renewed", {{"of", name_}});
}

CertificateWatch::CertificateWatch()
    : thread_("certificates", std::chrono::seconds(30), [this] {
        for (const auto& files : files_) files->Reload();
        return kInterval;
      }) {}

CertificateFiles& CertificateWatch::Add(std::unique_ptr<CertificateFiles> files) {
  return *files_.emplace_back(std::move(files));
}

void CertificateWatch::Start() {
  if (!files_.empty()) thread_.Start();
}

std::vector<base::ThreadHealth> CertificateWatch::Health(base::SteadyTime now) const {
  if (files_.empty()) return {};
  return {thread_.Health(now)};
}

}  // namespace kgs::tls

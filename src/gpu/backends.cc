// SPDX-License-Identifier: Apache-2.0
//
// THE list of backends: a vendor is a folder beside this file and a row here.
#include "gpu/backends.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "base/strings.h"
#include "gpu/nvml/nvml_backend.h"
#include "gpu/rocm/rocm_backend.h"
#include "gpu/simulated/simulated_backend.h"
#include "gpu/vendor_presence.h"

namespace kgs::gpu {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> MakeSimulated(const BackendOptions& options,
                                                       const base::Clock& clock) {
  if (options.simulated_gpus.empty()) {
    return absl::InvalidArgumentError(
        "--gpu-backend simulated needs --simulated-gpus FILE, which describes the GPUs "
        "(docs/simulated-gpus.md)");
  }
  auto backend = simulated::MakeSimulatedBackend(options.simulated_gpus, clock);
  if (backend.ok()) return backend;
  return absl::Status(backend.status().code(),
                      "--simulated-gpus: " + std::string(backend.status().message()));
}

absl::StatusOr<std::unique_ptr<Backend>> Real(std::unique_ptr<Backend> backend, uint16_t vendor,
                                              const BackendOptions& options) {
  return MarkingAbsence(std::move(backend), vendor, options.sysfs);
}

struct BackendRow {
  const char* name;
  /// Part of "auto".
  bool real;
  std::function<absl::StatusOr<std::unique_ptr<Backend>>(const BackendOptions&, const base::Clock&)>
      make;
};

const std::vector<BackendRow>& Rows() {
  static const std::vector<BackendRow> rows = {
      {"nvml", true,
       [](const BackendOptions& options, const base::Clock&) {
         return Real(nvml::MakeNvmlBackend(options.nvml_library, options.per_process),
                     kNvidiaVendor, options);
       }},
      {"rocm", true,
       [](const BackendOptions& options, const base::Clock&) {
         return Real(rocm::MakeRocmBackend(options.rocm_library, options.sysfs), kAmdVendor,
                     options);
       }},
      {"simulated", false, MakeSimulated},
  };
  return rows;
}

absl::Status UnknownBackend(const std::string& name) {
  const std::vector<std::string> names = BackendNames();
  std::string message =
      "--gpu-backend " + base::QuoteForMessage(name) + ": accepted are " + base::JoinWithAnd(names);
  const std::string nearest =
      base::NearestWord(name, std::vector<std::string_view>(names.begin(), names.end()));
  if (!nearest.empty()) message += "; did you mean " + nearest + "?";
  return absl::InvalidArgumentError(message);
}

}  // namespace

std::vector<std::string> BackendNames() {
  std::vector<std::string> names = {"auto"};
  for (const BackendRow& row : Rows()) names.emplace_back(row.name);
  return names;
}

absl::StatusOr<std::vector<std::unique_ptr<Backend>>> MakeBackends(const BackendOptions& options,
                                                                   const base::Clock& clock) {
  const std::vector<std::string> names = BackendNames();
  if (std::find(names.begin(), names.end(), options.backend) == names.end()) {
    return UnknownBackend(options.backend);
  }
  std::vector<std::unique_ptr<Backend>> backends;
  for (const BackendRow& row : Rows()) {
    const bool wanted = options.backend == "auto" ? row.real : options.backend == row.name;
    if (!wanted) continue;
    auto backend = row.make(options, clock);
    if (!backend.ok()) return backend.status();
    backends.push_back(*std::move(backend));
  }
  return backends;
}

}  // namespace kgs::gpu

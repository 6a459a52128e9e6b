// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/library.h"

#include <absl/status/status.h>

#include "base/strings.h"
#include "gpu/dynamic_library.h"

namespace kgs::gpu::rocm {
namespace {

constexpr char kNoSuchFile[] = "cannot open shared object file: No such file or directory";

absl::Status CannotLoad(const std::string& file, const std::string& why) {
  return absl::UnavailableError("cannot load " + file + ": " + why);
}

absl::Status NoneFound(const std::vector<std::string>& files) {
  return CannotLoad(files.size() == 1 ? files[0] : "any of " + base::JoinWithAnd(files),
                    std::string(kNoSuchFile) +
                        "; this node has an AMD GPU, but ROCm SMI is not installed where this "
                        "process runs");
}

}  // namespace

std::vector<std::string> Sonames() {
  return {"librocm_smi64.so.7", "librocm_smi64.so.6", "librocm_smi64.so.5", "librocm_smi64.so.1",
          "librocm_smi64.so"};
}

absl::StatusOr<std::shared_ptr<const Library>> Library::Load(
    const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    const auto loaded = DynamicLibrary::Load(file);
    if (!loaded.ok()) {
      const std::string why(loaded.status().message());
      if (why == kNoSuchFile) continue;
      return CannotLoad(file, why);
    }
    std::shared_ptr<Library> library(new Library);
    if (const char* lacking = Bind(*loaded, library->table_)) {
      return absl::UnavailableError(file + " has no function " + lacking + ": it is not ROCm SMI");
    }
    return library;
  }
  return NoneFound(files);
}

}  // namespace kgs::gpu::rocm

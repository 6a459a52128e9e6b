// SPDX-License-Identifier: Apache-2.0
#include "gpu/dynamic_library.h"

#include <absl/status/status.h>
#include <dlfcn.h>

namespace kgs::gpu {

absl::StatusOr<DynamicLibrary> DynamicLibrary::Load(const std::string& file) {
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    // glibc keeps the text per thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
    const char* words = dlerror();
    std::string cause = words == nullptr ? "no reason given" : words;
    const std::string prefix = file + ": ";
    if (cause.compare(0, prefix.size(), prefix) == 0) cause.erase(0, prefix.size());
    return absl::UnavailableError(cause);
  }
  return DynamicLibrary(handle);
}

void* DynamicLibrary::Find(const char* symbol) const { return dlsym(handle_, symbol); }

}  // namespace kgs::gpu

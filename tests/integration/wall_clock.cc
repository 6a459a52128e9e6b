// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a process, sets its wall clock off by the seconds (a 64-bit integer) that the file
// KGS_WALL_CLOCK holds at each moment. Other clocks are the system's.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

using Seconds = std::atomic<int64_t>;
static_assert(sizeof(Seconds) == sizeof(int64_t));

// Called on whatever thread first asks for the time, perhaps before main.
Seconds* MapOffset() {
  const char* path = std::getenv("KGS_WALL_CLOCK");  // NOLINT(concurrency-mt-unsafe)
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) std::abort();
  void* memory = mmap(nullptr, sizeof(Seconds), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<Seconds*>(memory);
}

int64_t Offset() {
  static const Seconds* const offset = MapOffset();
  return offset->load();
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  using Function = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += Offset();
  return result;
}

int gettimeofday(timeval* time, void* zone) noexcept {
  using Function = int (*)(timeval*, void*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "gettimeofday"));
  const int result = real(time, zone);
  if (result == 0) time->tv_sec += Offset();
  return result;
}

time_t time(time_t* result) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"

// SPDX-License-Identifier: Apache-2.0
#include "http/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kgs::http {
namespace {

base::SteadyTime Now() { return std::chrono::steady_clock::now(); }

// Whether \p fd was ready for \p events (or failed, which the next call on it will tell) in time.
bool WaitFor(int fd, short events, base::SteadyTime deadline) {
  pollfd waiting{fd, events, 0};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Now()).count();
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

ConnectionStream::ConnectionStream(int fd, const ConnectionLimits& limits)
    : fd_(fd),
      first_byte_by_(Now() + limits.first_byte),
      done_by_(Now() + limits.whole),
      bytes_left_(limits.request_bytes) {}

bool ConnectionStream::is_readable() const {
  return begin_ < end_ || WaitFor(fd_, POLLIN, started_ ? done_by_ : first_byte_by_);
}

bool ConnectionStream::is_writable() const { return WaitFor(fd_, POLLOUT, done_by_); }

ssize_t ConnectionStream::Fill() {
  if (bytes_left_ == 0 || !is_readable()) return -1;
  const ssize_t received =
      recv(fd_, buffer_.data(), std::min(buffer_.size(), bytes_left_), MSG_DONTWAIT);
  if (received <= 0) return received;
  started_ = true;
  begin_ = 0;
  end_ = static_cast<size_t>(received);
  bytes_left_ -= end_;
  return received;
}

ssize_t ConnectionStream::read(char* to, size_t size) {
  if (begin_ == end_) {
    const ssize_t filled = Fill();
    if (filled <= 0) return filled;
  }
  const size_t taken = std::min(size, end_ - begin_);
  std::memcpy(to, buffer_.data() + begin_, taken);
  begin_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t ConnectionStream::write(const char* from, size_t size) {
  for (size_t done = 0; done < size;) {
    if (!is_writable()) return -1;
    const ssize_t sent = send(fd_, from + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      return -1;
    }
  }
  return static_cast<ssize_t>(size);
}

void ConnectionStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void ConnectionStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void ConnectionStream::Finish() {
  shutdown(fd_, SHUT_WR);
  constexpr int kMostChunks = 32;
  for (int i = 0; i < kMostChunks; ++i) {
    if (recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) <= 0) return;
  }
}

bool ConnectionSet::Add(int fd) {
  base::MutexLock lock(mutex_);
  if (stopping_) return false;
  open_.insert(fd);
  return true;
}

void ConnectionSet::Remove(int fd) {
  base::MutexLock lock(mutex_);
  open_.erase(fd);
  removed_.NotifyAll();
}

void ConnectionSet::Stop(base::Duration grace) {
  const base::SteadyTime deadline = Now() + grace;
  base::MutexLock lock(mutex_);
  stopping_ = true;
  ShutDownAll(SHUT_RD);
  while (!open_.empty() && removed_.WaitUntil(mutex_, deadline)) {
  }
  // What is left does not take its answer.
  ShutDownAll(SHUT_RDWR);
}

void ConnectionSet::ShutDownAll(int how) {
  for (const int fd : open_) shutdown(fd, how);
}

}  // namespace kgs::http

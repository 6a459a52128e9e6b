// SPDX-License-Identifier: Apache-2.0
//
// One client's connection, seen by cpp-httplib as a Stream. The library's own stream limits each
// read; this one limits the whole exchange, so that a client that sends a byte now and then cannot
// hold one of the server's few threads.
#pragma once

#include <httplib.h>

#include <array>
#include <cstddef>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace kgs::http {

/// What one exchange may take.
struct ConnectionLimits {
  /// From accepting the connection to the request's first byte.
  base::Duration first_byte = std::chrono::seconds(1);
  /// From accepting the connection to the answer's last byte.
  base::Duration whole = std::chrono::seconds(5);
  /// Of a request, its headers included.
  size_t request_bytes = size_t{32} << 10;
};

/// Used by one thread. Does not own \p fd.
class ConnectionStream final : public httplib::Stream {
 public:
  ConnectionStream(int fd, const ConnectionLimits& limits);

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* to, size_t size) override;
  /// All of it, or -1.
  ssize_t write(const char* from, size_t size) override;
  /// Not looked up: no page shows it.
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  int socket() const override { return fd_; }

  /// After the answer: says goodbye and takes what the client still sent (a refused body), since
  /// closing with unread bytes could destroy the answer on its way.
  void Finish();

 private:
  /// Bytes of the next chunk that were put into buffer_; 0 at the end, -1 on error or time-out.
  ssize_t Fill();

  const int fd_;
  const base::SteadyTime first_byte_by_;
  const base::SteadyTime done_by_;
  size_t bytes_left_;
  std::array<char, 2048> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool started_ = false;
};

/// The open connections of a server, so that stopping need not wait for silent clients. Any thread.
class ConnectionSet {
 public:
  /// False when the server is stopping: the connection is not to be served.
  bool Add(int fd);
  /// Before closing \p fd.
  void Remove(int fd);
  /// Requests that have arrived are still answered within \p grace; no more are read.
  void Stop(base::Duration grace);

 private:
  void ShutDownAll(int how) KGS_REQUIRES(mutex_);

  base::Mutex mutex_;
  base::CondVar removed_;
  std::set<int> open_ KGS_GUARDED_BY(mutex_);
  bool stopping_ KGS_GUARDED_BY(mutex_) = false;
};

}  // namespace kgs::http

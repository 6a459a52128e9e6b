// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <fcntl.h>
#include <httplib.h>
#include <sys/socket.h>

#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "base/thread.h"
#include "http/connection.h"
#include "http/socket.h"
#include "http/worker_pool.h"

namespace kgs::http {
namespace {

constexpr size_t kWorkers = 4;
constexpr size_t kMostWaiting = 64;
constexpr base::Duration kAcceptRetry = std::chrono::seconds(1);
constexpr base::Duration kStopGrace = std::chrono::milliseconds(500);

// cpp-httplib's parser and formatter over our own sockets: it accepts from a socket that Listen()
// made (its own would share the port by SO_REUSEPORT), and each connection carries one request, so
// that a client that keeps its connection open holds no thread.
class Engine final : public httplib::Server {
 public:
  Engine(const std::string& thread_name, Routes routes) : routes_(std::move(routes)) {
    new_task_queue = [thread_name] { return new WorkerPool(thread_name, kWorkers, kMostWaiting); };
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, response);
      return HandlerResponse::Handled;
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& response,
                             const std::exception_ptr&) { response.status = 500; });
  }

  /// Until \p listener is shut down, or accepting fails for another reason.
  void Serve(const Socket& listener) {
    // The library closes what it accepts from when it ends: it gets a copy.
    Socket copy(fcntl(listener.fd(), F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) return;
    svr_sock_ = copy.Release();
    listen_after_bind();
  }

  ConnectionSet& connections() { return connections_; }

 private:
  bool process_and_close_socket(int fd) override {
    const Socket connection(fd);
    if (!connections_.Add(fd)) return false;
    ConnectionStream stream(fd, ConnectionLimits{});
    bool answered = false;
    try {
      bool closed = false;
      // Ranges multiply small requests into large answers; a page is only ever sent whole.
      answered = process_request(stream, /*close_connection=*/true, closed,
                                 [](httplib::Request& request) { request.ranges.clear(); });
    } catch (const std::exception& error) {
      base::LogDebug("HTTP request dropped", {{"reason", error.what()}});
    }
    stream.Finish();
    connections_.Remove(fd);
    return answered;
  }

  void Answer(const httplib::Request& request, httplib::Response& response) const {
    if (request.method != "GET" && request.method != "HEAD") {
      response.status = 405;
      response.set_header("Allow", "GET, HEAD");
      response.set_content("only GET and HEAD are answered\n", "text/plain; charset=utf-8");
      return;
    }
    const auto route = routes_.find(request.path);
    if (route == routes_.end()) {
      response.status = 404;
      response.set_content(NotFoundText(), "text/plain; charset=utf-8");
      return;
    }
    const Page page = route->second();
    response.status = page.status;
    response.set_content(page.body, page.content_type);
  }

  std::string NotFoundText() const {
    std::vector<std::string> paths;
    for (const auto& [path, unused] : routes_) paths.push_back(path);
    return "not found; served here: " + base::JoinWithAnd(paths) + "\n";
  }

  const Routes routes_;
  ConnectionSet connections_;
};

class PageServer final : public Server {
 public:
  PageServer(std::string thread_name, Socket listener, Routes routes)
      : name_(std::move(thread_name)),
        listener_(std::move(listener)),
        port_(PortOf(listener_)),
        engine_(name_, std::move(routes)),
        accepting_([this] { Run(); }) {}

  ~PageServer() override {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
    }
    stopped_.NotifyAll();
    // Ends the accept under way and every later one, whichever the thread has come to.
    shutdown(listener_.fd(), SHUT_RDWR);
    engine_.connections().Stop(kStopGrace);
    accepting_.join();
  }

  int port() const override { return port_; }

 private:
  void Run() {
    base::NameThisThread(name_);
    // Accepting fails for reasons of the moment too (out of memory, a client gone too soon, ...):
    // the port stays ours meanwhile.
    while (true) {
      engine_.Serve(listener_);
      if (StoppedWithin(kAcceptRetry)) return;
      base::LogWarn("HTTP accept failed; accepting again", {{"server", name_}});
    }
  }

  bool StoppedWithin(base::Duration wait) {
    const base::SteadyTime deadline = std::chrono::steady_clock::now() + wait;
    base::MutexLock lock(mutex_);
    while (!stopping_ && stopped_.WaitUntil(mutex_, deadline)) {
    }
    return stopping_;
  }

  const std::string name_;
  const Socket listener_;
  const int port_;
  base::Mutex mutex_;
  base::CondVar stopped_;
  bool stopping_ KGS_GUARDED_BY(mutex_) = false;
  Engine engine_;
  std::thread accepting_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> StartServer(const std::string& thread_name,
                                                    const std::string& address, int port,
                                                    Routes routes) {
  absl::StatusOr<Socket> listener = Listen(address, port);
  if (!listener.ok()) return listener.status();
  return std::make_unique<PageServer>(thread_name, *std::move(listener), std::move(routes));
}

}  // namespace kgs::http

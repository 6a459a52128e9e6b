// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/socket_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace kgs::kube {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A socket file with somebody behind it while this lives; the file stays, as after a crash.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
  }
  ~Listener() { close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  const int fd_;
};

/// Root may connect anywhere: what is refused shows only to others.
class AsNobody {
 public:
  AsNobody() { EXPECT_EQ(seteuid(65534), 0); }
  ~AsNobody() { EXPECT_EQ(seteuid(0), 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
};

class WhyNotConnectedTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }

  kgs::testing::TempFolder folder_;
};

TEST_F(WhyNotConnectedTest, NothingWhereSomebodyListens) {
  const Listener listener(Path("kubelet.sock"));
  EXPECT_EQ(WhyNotConnected(Path("kubelet.sock")), "");
}

TEST_F(WhyNotConnectedTest, AnAbsentSocketIsAKubeletDownOrAFolderNotMounted) {
  EXPECT_THAT(WhyNotConnected(Path("kubelet.sock")),
              AllOf(HasSubstr("no kubelet socket at " + Path("kubelet.sock")),
                    HasSubstr("the kubelet is down"),
                    HasSubstr(folder_.path().string() + " is not mounted here")));
  EXPECT_THAT(WhyNotConnected(Path("no/such/kubelet.sock")), HasSubstr("no kubelet socket at "));
}

TEST_F(WhyNotConnectedTest, ASocketThatNobodyServesIsAKubeletDown) {
  {
    const Listener listener(Path("kubelet.sock"));
  }
  EXPECT_EQ(
      WhyNotConnected(Path("kubelet.sock")),
      "nothing listens on the kubelet socket " + Path("kubelet.sock") + ": the kubelet is down");
}

TEST_F(WhyNotConnectedTest, AFileIsNoSocket) {
  std::ofstream(Path("kubelet.sock")) << "x";
  EXPECT_THAT(WhyNotConnected(Path("kubelet.sock")),
              HasSubstr(Path("kubelet.sock") + " is no socket"));
  EXPECT_THAT(WhyNotConnected(folder_.path().string()), HasSubstr("is no socket"));
}

TEST_F(WhyNotConnectedTest, ASocketOfRootIsRefusedToOthers) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const Listener listener(Path("kubelet.sock"));
  // As the kubelet makes it: the folder is open, the socket is not, then neither.
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(Path("kubelet.sock").c_str(), 0600), 0);
  const std::string expected =
      "no permission to connect to the kubelet socket " + Path("kubelet.sock") + ": run as root";
  {
    const AsNobody nobody;
    EXPECT_EQ(WhyNotConnected(Path("kubelet.sock")), expected);
  }
  ASSERT_EQ(chmod(folder_.path().c_str(), 0750), 0);
  const AsNobody nobody;
  EXPECT_EQ(WhyNotConnected(Path("kubelet.sock")), expected);
}

TEST_F(WhyNotConnectedTest, AnEmptyOrOverlongPathIsNamed) {
  EXPECT_EQ(WhyNotConnected(""), "no path of the kubelet's socket is given");
  const std::string path = "/" + std::string(107, 'x');
  EXPECT_EQ(
      WhyNotConnected(path),
      "the path of the kubelet's socket is too long for a socket (107 bytes at most): " + path);
  EXPECT_THAT(WhyNotConnected(path.substr(0, 107)), HasSubstr("no kubelet socket at "));
}

TEST(UnixTargetTest, SaysAbsoluteAndRelativePathsAndEscapes) {
  EXPECT_EQ(UnixTarget("/var/lib/kubelet/pod-resources/kubelet.sock"),
            "unix:///var/lib/kubelet/pod-resources/kubelet.sock");
  EXPECT_EQ(UnixTarget("run/kubelet.sock"), "unix:run/kubelet.sock");
  EXPECT_EQ(UnixTarget("/a b/50%/x?y#\xC3\xA9"), "unix:///a%20b/50%25/x%3Fy%23%C3%A9");
}

}  // namespace
}  // namespace kgs::kube

// SPDX-License-Identifier: Apache-2.0
#include "cli/ask.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "base/strings.h"
#include "externalscaler.grpc.pb.h"

namespace kgs::cli {
namespace {

using externalscaler::ExternalScaler;

constexpr char kUsage[] =
    "usage: keda-gpu-scaler ask [HOST:PORT] [NAMESPACE/NAME] [KEY=VALUE ...]\n"
    "Asks a running scaler (default localhost:6000) as KEDA does for that ScaledObject or\n"
    "ScaledJob, with the trigger metadata given. Where the scaler knows Kubernetes, both must be "
    "as\n"
    "Kubernetes has them, scalerAddress included.\n"
    "Examples:\n"
    "  keda-gpu-scaler ask localhost:6000 profile=vllm-inference gpuIndex=0\n"
    "  keda-gpu-scaler ask localhost:6000 default/web scalerAddress=keda-gpu-scaler.keda:6000\n";

constexpr auto kDeadline = std::chrono::seconds(5);

bool Failed(const char* call, const grpc::Status& status) {
  if (status.ok()) return false;
  std::printf("%-14s error %d: %s\n", call, status.error_code(), status.error_message().c_str());
  return true;
}

bool IsHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || text.find('/') != std::string::npos) return false;
  const auto port = base::ParseInteger(text.substr(colon + 1));
  return port && *port >= 1 && *port <= 65535;
}

bool IsObject(const std::string& text) {
  const size_t slash = text.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
         text.find('/', slash + 1) == std::string::npos && text.front() != '-';
}

/// A scaler that is asked by hand is reached directly, whatever proxy the machine is set to.
std::shared_ptr<grpc::Channel> DirectChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

int AskAll(ExternalScaler::Stub& stub, const externalscaler::ScaledObjectRef& object) {
  const auto deadline = std::chrono::system_clock::now() + kDeadline;
  bool failed = false;

  grpc::ClientContext spec_context;
  spec_context.set_deadline(deadline);
  externalscaler::GetMetricSpecResponse specs;
  failed |= Failed("GetMetricSpec", stub.GetMetricSpec(&spec_context, object, &specs));
  for (const auto& spec : specs.metricspecs()) {
    std::printf("GetMetricSpec  %s target %s\n", spec.metricname().c_str(),
                base::FormatNumber(spec.targetsizefloat()).c_str());
    grpc::ClientContext context;
    context.set_deadline(deadline);
    externalscaler::GetMetricsRequest request;
    *request.mutable_scaledobjectref() = object;
    request.set_metricname(spec.metricname());
    externalscaler::GetMetricsResponse metrics;
    failed |= Failed("GetMetrics", stub.GetMetrics(&context, request, &metrics));
    for (const auto& metric : metrics.metricvalues()) {
      std::printf("GetMetrics     %s value %s\n", metric.metricname().c_str(),
                  base::FormatNumber(metric.metricvaluefloat()).c_str());
    }
  }

  grpc::ClientContext active_context;
  active_context.set_deadline(deadline);
  externalscaler::IsActiveResponse active;
  if (Failed("IsActive", stub.IsActive(&active_context, object, &active))) {
    failed = true;
  } else {
    std::printf("IsActive       %s\n", active.result() ? "true" : "false");
  }
  return failed ? 1 : 0;
}

}  // namespace

int Ask(const std::vector<std::string>& arguments) {
  std::string address = "localhost:6000";
  externalscaler::ScaledObjectRef object;
  object.set_name("ask");
  object.set_namespace_("default");
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    const size_t equals = argument.find('=');
    if (equals != std::string::npos && equals > 0 && argument.front() != '-') {
      (*object.mutable_scalermetadata())[argument.substr(0, equals)] = argument.substr(equals + 1);
    } else if (i == 0 && IsHostPort(argument)) {
      address = argument;
    } else if (IsObject(argument)) {
      object.set_namespace_(argument.substr(0, argument.find('/')));
      object.set_name(argument.substr(argument.find('/') + 1));
    } else {
      std::fprintf(stderr,
                   "keda-gpu-scaler: %s is neither HOST:PORT, NAMESPACE/NAME nor KEY=VALUE\n%s",
                   base::QuoteForMessage(argument).c_str(), kUsage);
      return 2;
    }
  }
  const auto stub = ExternalScaler::NewStub(DirectChannel(address));
  return AskAll(*stub, object);
}

}  // namespace kgs::cli

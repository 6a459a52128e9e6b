// SPDX-License-Identifier: Apache-2.0
#include "bench/fleet_report.h"

#include <time.h>

#include <functional>

#include "base/build_info.h"
#include "bench/figures.h"
#include "bench/percentile.h"

namespace kgs::bench {
namespace {

using nlohmann::ordered_json;

constexpr double kMostRatio = 1.4;
/// Of a 64-pod lookup, the largest fleet over the smallest, while no report comes in.
constexpr double kMostLookupGrowth = 1.25;
constexpr size_t kLeastAnswers = 1000;

using RoundValue = std::function<double(const FleetRound&)>;

double MedianOf(const std::vector<FleetRound>& rounds, const RoundValue& value) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const FleetRound& round : rounds) values.push_back(value(round));
  return Median(std::move(values));
}

double Cores(const ReportCost& cost) { return cost.server_cpu_seconds / cost.seconds; }

std::string Today() {
  const time_t now = time(nullptr);
  tm utc{};
  gmtime_r(&now, &utc);
  char text[16];
  strftime(text, sizeof text, "%Y-%m-%d", &utc);
  return text;
}

double KibPerNode(const MemoryGrowth& memory, int nodes) {
  return (memory.after.rss_mib - memory.before.rss_mib) * 1024 / nodes;
}

ordered_json CostJson(const ReportCost& cost) {
  return {{"cpu_us_per_report", cost.CpuUsPerReport()},
          {"cpu_cores", Cores(cost)},
          {"reports", cost.reports},
          {"seconds", cost.seconds},
          {"agents_cpu_cores", cost.agents_cpu_seconds / cost.seconds},
          {"bench_cpu_percent", cost.bench_cpu_percent},
          {"machine_cpu_percent", cost.machine_cpu_percent}};
}

ordered_json LookupsJson(const LookupResult& result) {
  const auto times = [](const LookupTimes& lookup) {
    return ordered_json{
        {"p50_ms", lookup.p50_ms}, {"p99_ms", lookup.p99_ms}, {"calls", lookup.calls}};
  };
  return {{"64_pods", times(result.large)},
          {"1_pod", times(result.small)},
          {"9_or_10_pods", times(result.others)}};
}

void AddCosts(const FleetMeasurements& fleet, ordered_json& json) {
  const auto median = [&](const RoundValue& value) { return MedianOf(fleet.rounds, value); };
  json["hub_cpu_us_per_report"] =
      median([](const FleetRound& round) { return round.hub.CpuUsPerReport(); });
  json["bare_cpu_us_per_report"] =
      median([](const FleetRound& round) { return round.bare.CpuUsPerReport(); });
  json["cpu_per_report_ratio"] = median([](const FleetRound& round) {
    return round.hub.CpuUsPerReport() / round.bare.CpuUsPerReport();
  });
  const double hub_kib = KibPerNode(fleet.hub, fleet.nodes);
  const double bare_kib = KibPerNode(fleet.bare, fleet.nodes);
  json["hub_kib_per_node"] = hub_kib;
  json["bare_kib_per_node"] = bare_kib;
  json["memory_per_node_ratio"] = hub_kib / bare_kib;
  json["hub_rss_before_mib"] = fleet.hub.before.rss_mib;
  json["bare_rss_before_mib"] = fleet.bare.before.rss_mib;
  json["report_bytes"] = median([](const FleetRound& round) {
    return static_cast<double>(round.hub.bytes) / static_cast<double>(round.hub.reports);
  });
  json["agents_cpu_cores"] = median(
      [](const FleetRound& round) { return round.hub.agents_cpu_seconds / round.hub.seconds; });
  json["total_cpu_percent"] =
      median([](const FleetRound& round) { return round.hub.bench_cpu_percent; });
  json["machine_cpu_percent"] =
      median([](const FleetRound& round) { return round.hub.machine_cpu_percent; });
}

ordered_json FleetJson(const FleetMeasurements& fleet) {
  const auto median = [&](const RoundValue& value) { return MedianOf(fleet.rounds, value); };
  ordered_json json = {
      {"nodes", fleet.nodes},
      {"gpus_per_node", kGpusPerNode},
      {"workloads", kWorkloads},
      {"reports_per_second", median([](const FleetRound& round) {
         return static_cast<double>(round.hub.reports) / round.hub.seconds;
       })},
      {"hub_cpu_cores", median([](const FleetRound& round) { return Cores(round.hub); })},
      {"hub_rss_mib", fleet.hub.after.rss_mib},
      {"bare_cpu_cores", median([](const FleetRound& round) { return Cores(round.bare); })},
      {"bare_rss_mib", fleet.bare.after.rss_mib},
      {"getmetrics_p50_ms", fleet.under_load.large.p50_ms},
      {"getmetrics_p99_ms", fleet.under_load.large.p99_ms},
      {"pods", kPods}};
  AddCosts(fleet, json);
  json["lookups_under_load"] = LookupsJson(fleet.under_load);
  json["lookups_without_reports"] = LookupsJson(fleet.quiet);
  json["answers_right"] = fleet.under_load.answers_right + fleet.quiet.answers_right;
  json["answers_late"] = fleet.under_load.answers_late + fleet.quiet.answers_late;
  json["sync_seconds"] = fleet.sync_seconds;
  json["connect_seconds"] = fleet.connect_seconds;
  json["rounds"] = ordered_json::array();
  for (const FleetRound& round : fleet.rounds) {
    json["rounds"].push_back({{"hub", CostJson(round.hub)}, {"bare", CostJson(round.bare)}});
  }
  return json;
}

std::string Pair(const char* format, const ordered_json& hub, const ordered_json& bare) {
  return Format(format, hub.get<double>()) + " / " + Format(format, bare.get<double>());
}

/// Of one size.
std::vector<Figure> FiguresOf(const ordered_json& fleet) {
  const std::string at = " at " + std::to_string(fleet["nodes"].get<int>());
  const double cpu = fleet["cpu_per_report_ratio"].get<double>();
  const double memory = fleet["memory_per_node_ratio"].get<double>();
  const ordered_json& lookups = fleet["lookups_under_load"];
  return {
      {"CPU us a report" + at,
       Pair("%.1f", fleet["hub_cpu_us_per_report"], fleet["bare_cpu_us_per_report"]), ""},
      {"CPU cores" + at, Pair("%.3f", fleet["hub_cpu_cores"], fleet["bare_cpu_cores"]), ""},
      {"CPU ratio" + at, Format("%.2f", cpu), "at most 1.4", cpu <= kMostRatio},
      {"KiB a node" + at, Pair("%.1f", fleet["hub_kib_per_node"], fleet["bare_kib_per_node"]), ""},
      {"resident MiB" + at, Pair("%.1f", fleet["hub_rss_mib"], fleet["bare_rss_mib"]), ""},
      {"memory ratio" + at, Format("%.2f", memory), "at most 1.4", memory <= kMostRatio},
      {"64 pods, p50 / p99 ms" + at,
       Pair("%.3f", lookups["64_pods"]["p50_ms"], lookups["64_pods"]["p99_ms"]), ""},
      {"1 pod, p50 / p99 ms" + at,
       Pair("%.3f", lookups["1_pod"]["p50_ms"], lookups["1_pod"]["p99_ms"]), ""},
      {"total CPU %" + at, Format("%.0f", fleet["total_cpu_percent"].get<double>()), ""},
  };
}

/// KiB that each node costs which the largest fleet has more than the one before it: free of what
/// either server takes once, or had left free.
double KibPerFurtherNode(const ordered_json& report, const char* rss_mib) {
  const ordered_json& largest = report[report.size() - 1];
  const ordered_json& before = report[report.size() - 2];
  return (largest[rss_mib].get<double>() - before[rss_mib].get<double>()) * 1024 /
         (largest["nodes"].get<double>() - before["nodes"].get<double>());
}

/// Of all sizes together.
std::vector<Figure> CommonFigures(const ordered_json& report) {
  const auto quiet = [](const ordered_json& fleet) {
    return fleet["lookups_without_reports"]["64_pods"]["p50_ms"].get<double>();
  };
  size_t right = 0;
  size_t late = 0;
  for (const ordered_json& fleet : report) {
    right += fleet["answers_right"].get<size_t>();
    late += fleet["answers_late"].get<size_t>();
  }
  const double growth = quiet(report.back()) / quiet(report.front());
  return {
      {"KiB a further node",
       Pair("%.1f", KibPerFurtherNode(report, "hub_rss_mib"),
            KibPerFurtherNode(report, "bare_rss_mib")),
       ""},
      {"64 pods, largest over smallest", Format("%.2f", growth), "at most 1.25",
       growth <= kMostLookupGrowth},
      {"answers checked and right", std::to_string(right), "at least 1000", right >= kLeastAnswers},
      {"answers right but late", std::to_string(late), ""}};
}

}  // namespace

ordered_json FleetReport(const std::vector<FleetMeasurements>& fleets, bool quick) {
  ordered_json report = ordered_json::array();
  for (const FleetMeasurements& fleet : fleets) report.push_back(FleetJson(fleet));
  for (ordered_json& fleet : report) {
    std::vector<Figure> figures = FiguresOf(fleet);
    // The list has no other place for what is of all sizes.
    if (&fleet == &report.back()) {
      for (Figure& figure : CommonFigures(report)) figures.push_back(std::move(figure));
    }
    fleet["goals"] = GoalsJson(figures);
    fleet["quick"] = quick;
    fleet["version"] = base::Version();
    fleet["date"] = Today();
    fleet["machine"] = MachineJson();
  }
  return report;
}

std::string FleetTable(const ordered_json& report) {
  std::vector<Figure> figures;
  for (const ordered_json& fleet : report) {
    for (Figure& figure : FiguresOf(fleet)) figures.push_back(std::move(figure));
  }
  for (Figure& figure : CommonFigures(report)) figures.push_back(std::move(figure));
  return FigureTable("a fleet of so many nodes", "hub / bare server", figures);
}

}  // namespace kgs::bench

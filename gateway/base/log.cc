#include "gateway/base/log.h"

#include <memory>

#include "gateway/base/excerpt.h"
#include "nlohmann/json.hpp"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace lakefs::gateway {
namespace {

spdlog::level::level_enum Spd(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>(
        "gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                      spdlog::pattern_time_type::utc);
    return made;
  }();
  return *logger;
}

// More is nothing to read in a line.
constexpr size_t kMostCharacters = 1024;

std::string Quote(absl::string_view text) {
  return nlohmann::json(Excerpt(text, kMostCharacters)).dump();
}

}  // namespace

void SetLogLevel(LogLevel level) { Logger().set_level(Spd(level)); }

bool LogEnabled(LogLevel level) { return Logger().should_log(Spd(level)); }

void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  std::string line = "\"event\":" + Quote(event);
  for (const auto& [name, value] : fields) {
    line += "," + Quote(name) + ":";
    if (const auto* text = std::get_if<std::string>(&value)) {
      line += Quote(*text);
    } else if (const auto* number = std::get_if<int64_t>(&value)) {
      line += std::to_string(*number);
    } else {
      line += std::to_string(std::get<double>(value));
    }
  }
  Logger().log(Spd(level), spdlog::string_view_t(line));
}

}  // namespace lakefs::gateway

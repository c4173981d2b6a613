// Fields of JSON objects, with a default for what is missing or of another
// type.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace lakefs::gateway::testing {

inline std::string StringField(const nlohmann::json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

inline int64_t IntField(const nlohmann::json& object, const char* name,
                        int64_t otherwise = 0) {
  auto it = object.find(name);
  return it != object.end() && it->is_number_integer() ? it->get<int64_t>()
                                                       : otherwise;
}

inline bool BoolField(const nlohmann::json& object, const char* name) {
  auto it = object.find(name);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

inline std::map<std::string, std::string> StringMapField(
    const nlohmann::json& object, const char* name) {
  std::map<std::string, std::string> map;
  auto it = object.find(name);
  if (it == object.end() || !it->is_object()) return map;
  for (const auto& [key, value] : it->items()) {
    if (value.is_string()) map[key] = value.get<std::string>();
  }
  return map;
}

}  // namespace lakefs::gateway::testing

#include "tests/emulator/request_validation.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/emulator/lakefs_reply.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

constexpr int kLargestPartNumber = 10'000;

// A field of a JSON body: its place in the document, and what it must be.
struct Field {
  absl::string_view pointer;
  absl::string_view type;  // "string", "integer", "object", "array"
  bool required;
};

struct Schema {
  absl::string_view name;
  std::vector<Field> fields;
  bool terse = false;  // As in DialectTraits::terse_validation.
};

bool TakesPath(const std::string& operation) {
  return operation == "getPhysicalAddress" ||
         operation == "linkPhysicalAddress" || operation == "statObject" ||
         operation == "getObject" || operation == "headObject" ||
         operation == "uploadObject" || operation == "deleteObject" ||
         operation == "createPresignMultipartUpload" ||
         operation == "completePresignMultipartUpload" ||
         operation == "abortPresignMultipartUpload" ||
         operation == "uploadPart";
}

std::optional<Schema> SchemaOf(const DialectTraits& traits,
                               const std::string& operation) {
  if (operation == "linkPhysicalAddress") {
    Schema schema{"StagingMetadata",
                  {{"/staging", "object", true},
                   {"/checksum", "string", true},
                   {"/size_bytes", "integer", true},
                   {"/content_type", "string", false},
                   {"/user_metadata", "object", false}}};
    if (traits.has_token) {
      schema.fields.push_back({"/staging/token", "string", true});
    }
    return schema;
  }
  if (operation == "login") {
    return Schema{"LoginInformation",
                  {{"/access_key_id", "string", true},
                   {"/secret_access_key", "string", true}}};
  }
  if (operation == "uploadPart") {
    return Schema{"UploadPartFrom", {{"/physical_address", "string", true}}};
  }
  if (operation == "completePresignMultipartUpload") {
    return Schema{
        "CompletePresignMultipartUpload",
        {{"/physical_address", "string", true}, {"/parts", "array", true}}};
  }
  if (operation == "abortPresignMultipartUpload") {
    return Schema{"AbortPresignMultipartUpload",
                  {{"/physical_address", "string", true}}};
  }
  return std::nullopt;
}

std::string Quoted(const json& value) {
  return absl::StrReplaceAll(absl::StrCat("  ", value.dump(2)),
                             {{"\n", "\n  "}});
}

HttpResponse BodyError(absl::string_view what) {
  return LakefsError(400, absl::StrCat("request body has an error: ", what));
}

HttpResponse SchemaError(const Schema& schema, absl::string_view pointer,
                         absl::string_view what, const json& wanted,
                         const json& value) {
  std::string name =
      schema.terse ? "the schema"
                   : absl::StrCat("schema #/components/schemas/", schema.name);
  return BodyError(absl::StrCat(
      "doesn't match ", name, ": Error at \"", pointer, "\": ", what,
      "\nSchema:\n", Quoted(wanted), "\n\nValue:\n", Quoted(value), "\n"));
}

bool HasType(const json& value, absl::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "array") return value.is_array();
  return value.is_object();
}

std::string WrongType(const Schema& schema, absl::string_view type,
                      const json& value) {
  if (value.is_null()) return "Value is not nullable";
  if (schema.terse) {
    return absl::StrCat("Field must be set to ", type, " or not be present");
  }
  return absl::StrCat("value must be ", type == "integer" ? "an " : "a ", type);
}

std::optional<HttpResponse> CheckField(const Schema& schema, const Field& field,
                                       const json& body) {
  std::string pointer(field.pointer);
  json::json_pointer at(pointer);
  if (!body.contains(at)) {
    if (!field.required) return std::nullopt;
    json wanted = {{"type", "object"}, {"required", {at.back()}}};
    return SchemaError(schema, pointer,
                       absl::StrCat("property \"", at.back(), "\" is missing"),
                       wanted, body);
  }
  const json& value = body[at];
  if (HasType(value, field.type)) return std::nullopt;
  return SchemaError(schema, pointer, WrongType(schema, field.type, value),
                     {{"type", std::string(field.type)}}, value);
}

std::optional<HttpResponse> CheckMetadata(const Schema& schema,
                                          const json& body) {
  auto metadata = body.find("user_metadata");
  if (metadata == body.end() || !metadata->is_object()) return std::nullopt;
  for (const auto& [name, value] : metadata->items()) {
    if (value.is_string()) continue;
    return SchemaError(schema, absl::StrCat("/user_metadata/", name),
                       WrongType(schema, "string", value), {{"type", "string"}},
                       value);
  }
  return std::nullopt;
}

std::optional<HttpResponse> CheckBody(const Schema& schema,
                                      const HttpRequest& request) {
  std::string type = request.Header("content-type");
  std::vector<std::string> media = absl::StrSplit(type, ';');
  if (absl::StripAsciiWhitespace(media[0]) != "application/json") {
    return BodyError(absl::StrCat("header Content-Type has unexpected value \"",
                                  type, "\""));
  }
  if (request.body.empty()) return BodyError("value is required but missing");
  json body = json::parse(request.body, nullptr, false);
  if (body.is_discarded()) {
    return BodyError("failed to decode request body: invalid character");
  }
  if (!body.is_object()) {
    return SchemaError(schema, "", "value must be an object",
                       {{"type", "object"}}, body);
  }
  for (const Field& field : schema.fields) {
    if (auto error = CheckField(schema, field, body)) return error;
  }
  return CheckMetadata(schema, body);
}

HttpResponse ParameterError(absl::string_view name, absl::string_view in,
                            absl::string_view what) {
  return LakefsError(400, absl::StrCat("parameter \"", name, "\" in ", in,
                                       " has an error: ", what));
}

std::optional<HttpResponse> CheckPartNumber(const std::string& text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) {
    return ParameterError(
        "partNumber", "path",
        absl::StrCat("value ", text, ": an invalid integer: invalid syntax"));
  }
  if (number >= 1 && number <= kLargestPartNumber) return std::nullopt;
  json wanted = {
      {"maximum", kLargestPartNumber}, {"minimum", 1}, {"type", "integer"}};
  return ParameterError(
      "partNumber", "path",
      absl::StrCat("number must be ",
                   number < 1 ? "at least 1" : "at most 10000", "\nSchema:\n",
                   Quoted(wanted), "\n\nValue:\n  ", number, "\n"));
}

}  // namespace

std::optional<HttpResponse> ValidateRequest(const DialectTraits& traits,
                                            const Route& route,
                                            const HttpRequest& request) {
  if (TakesPath(route.operation) && request.Query("path").empty() &&
      traits.terse_validation) {
    return ParameterError(
        "path", "query",
        "value is required but missing: value is required but missing");
  }
  if (TakesPath(route.operation)) {
    auto path = request.query.find("path");
    if (path == request.query.end()) {
      return ParameterError("path", "query", "value is required but missing");
    }
    if (path->second.empty()) {
      return ParameterError("path", "query", "empty value is not allowed");
    }
  }
  std::string presign = request.Query("presign");
  if (traits.has_presign && !presign.empty() && presign != "true" &&
      presign != "false") {
    std::string what =
        traits.terse_validation
            ? absl::StrCat("number: strconv.ParseBool: parsing \"", presign,
                           "\"")
            : "boolean";
    return ParameterError("presign", "query",
                          absl::StrCat("value ", presign, ": an invalid ", what,
                                       ": invalid syntax"));
  }
  if (route.operation == "uploadPart") {
    if (auto error = CheckPartNumber(route.part_number)) return error;
  }
  auto schema = SchemaOf(traits, route.operation);
  if (schema.has_value()) schema->terse = traits.terse_validation;
  return schema.has_value() ? CheckBody(*schema, request) : std::nullopt;
}

}  // namespace lakefs::gateway::testing

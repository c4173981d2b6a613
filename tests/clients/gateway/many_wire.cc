#include "tests/clients/gateway/many_wire.h"

#include <google/rpc/status.pb.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "tests/clients/gateway/json_messages.h"
#include "tests/clients/gateway/object_check.h"

namespace lakefs::staging::testing {

using nlohmann::json;

bool ManyWire::Begin() {
  v1::UploadManyRequest request;
  if (!reader_.Next(request)) return false;
  call_.Begin(request.header().object().branch());
  Take(std::move(request));
  return true;
}

bool ManyWire::Has(const std::string& step, const json& value) {
  if (step == "serve" && !served_) {
    served_ = value.is_null() ? json::object() : value;
    for (size_t i = 0; i < objects_.size(); ++i) {
      if (!answered_[i]) Serve(objects_[i], i);
    }
  }
  return step == "read_objects" && objects_.size() >= value;
}

bool ManyWire::Receive() {
  v1::UploadManyRequest request;
  if (!reader_.Next(request)) return false;
  Take(std::move(request));
  return true;
}

bool ManyWire::ReceiveWithin(int ms) {
  return reader_.Await(std::chrono::milliseconds(ms));
}

void ManyWire::Take(v1::UploadManyRequest request) {
  const std::string& data = request.data();
  call_.Tell("object",
             {{"object", objects_.size()},
              {"id", request.id()},
              {"header", ToJson(request.header())},
              {"size", data.size()},
              {"crc32c", CheckCrc32c(data, request.has_crc32c()
                                               ? std::optional(request.crc32c())
                                               : std::nullopt)},
              {"unanswered",
               std::count(answered_.begin(), answered_.end(), false) + 1}});
  objects_.push_back(std::move(request));
  answered_.push_back(false);
  if (served_) Serve(objects_.back(), objects_.size() - 1);
}

void ManyWire::Serve(const v1::UploadManyRequest& request, size_t object) {
  const json answers =
      served_->value(request.header().object().path(), json::array());
  const size_t attempt = std::max(request.header().attempt(), 1u);
  Answer(object,
         attempt <= answers.size() ? answers[attempt - 1] : json::object());
}

bool ManyWire::Send(const std::string& step, const json& value) {
  if (step != "answer") return false;
  if (value.contains("object")) {
    Answer(value["object"], value);
    return true;
  }
  for (size_t i = 0; i < objects_.size(); ++i) {
    if (!answered_[i]) Answer(i, value);
  }
  return true;
}

void ManyWire::Answer(size_t object, const json& answer) {
  const v1::UploadManyRequest& request = objects_.at(object);
  v1::UploadManyResponse response;
  response.set_id(request.id());
  if (answer.contains("status")) {
    const grpc::Status status = ToStatus(answer["status"]);
    google::rpc::Status told;
    if (!told.ParseFromString(status.error_details()) || told.code() == 0) {
      told.set_code(status.error_code());
      told.set_message(status.error_message());
    }
    response.set_status(told.SerializeAsString());
  } else {
    *response.mutable_result() = MakeResult(request.header(), request.data(),
                                            answer.value("result", json()));
  }
  answered_[object] = true;
  stream_.Write(response);
}

}  // namespace lakefs::staging::testing

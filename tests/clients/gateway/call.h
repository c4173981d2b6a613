// One call, played by its script.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/clients/gateway/record.h"
#include "tests/clients/gateway/scripts.h"

namespace lakefs::staging::testing {

// The messages of a call, whichever its method is.
class Wire {
 public:
  virtual ~Wire() = default;

  // Whether what the reading step `step` waits for has come.
  virtual bool Has(const std::string& step, const nlohmann::json& value) = 0;

  // Takes the next message and records it; false when there are no more.
  virtual bool Receive() = 0;

  // Takes messages for `ms` and returns whether any came, or their end.
  virtual bool ReceiveWithin(int ms) = 0;

  // Does the sending step `step`; false if the call has none of that name.
  virtual bool Send(const std::string& step, const nlohmann::json& value) = 0;
};

// Plays the steps of a call, one after the other. A step is its name, or
// {NAME: VALUE}:
//
//   read_until OFFSET, read_finish   of UploadAndLink
//   read_objects N                   of UploadMany, N in all
//   serve {PATH: [ANSWER, …]}        of UploadMany: answers each object as it
//                                    comes, by its path and attempt, else well
//   await_half_close, await_cancel
//   nothing_for MS                   records `early` if anything comes
//   slow BYTES_PER_SECOND            how fast is read from here on
//   rewind OFFSET, progress {…}, checkpoint {…}, result {…}, answer {…}
//   stall                            until it is released, or cancelled
//   pause MS
//   cut                              asks, by the record, to have the
//                                    connection cut, and waits for that
//   end {STATUS}                     as ToStatus() takes it
//
// A caller that is gone, or has closed its side where more was expected, ends
// the play.
class Call {
 public:
  Call(Record& record, Scripts& scripts, grpc::ServerContext& context,
       std::string method);

  // The first message is there, and with it the key.
  void Begin(const std::string& key);

  void Tell(const std::string& event, nlohmann::json fields = {});

  grpc::Status Play(Wire& wire);

  // What should come, if the script tells.
  const nlohmann::json& content() const { return part_.content; }

  // Waits; false if the caller has gone meanwhile.
  bool Pause(int ms);

  int slow() const { return slow_; }

 private:
  enum class Next { kGoOn, kEnd };

  Next Do(const std::string& step, const nlohmann::json& value, Wire& wire);
  Next Read(const std::string& step, const nlohmann::json& value, Wire& wire);
  Next Stall(bool released_by_command);
  bool Cancelled();
  Next ReadsEnded(const std::string& step);

  Record& record_;
  Scripts& scripts_;
  grpc::ServerContext& context_;
  const std::string method_;
  const int id_;
  std::string key_;
  Part part_;
  grpc::Status status_;
  bool cancel_told_ = false;
  bool half_closed_ = false;
  int slow_ = 0;
};

}  // namespace lakefs::staging::testing

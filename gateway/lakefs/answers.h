// What lakeFS's answers mean.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// The error that an answer with a status of 300 or more stands for, by the
// table in answer_table.h. Here alone is told whose word an answer is: only
// what lakeFS itself said is quoted, and told as its word.
absl::Status AnswerToStatus(absl::string_view operation,
                            const HttpResponse& response);

// Whether the answer is lakeFS's 404 for want of an object or its branch, and
// not of the repository. Nothing is wrong then, so that no error is made of it.
bool SaysAbsent(const HttpResponse& response);

// Whether getObject was answered by lakeFS's own 410: an entry without bytes.
bool SaysNoData(const HttpResponse& response);

// Whether other credentials may be taken where these were not: a 401, unless it
// is for want of rights.
bool RefusesCredentials(absl::string_view operation,
                        const HttpResponse& response);

// An answer that says it succeeded, but whose body cannot be read: what
// happened is as unknown as if it had been lost.
absl::Status UnreadableAnswer(absl::string_view operation,
                              const HttpResponse& response);

}  // namespace lakefs::gateway

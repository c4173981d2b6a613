// Presigned multipart uploads.
#pragma once

#include "tests/emulator/backend.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

HttpResponse CreatePresignMultipartUpload(const Call& call);
HttpResponse UploadPart(const Call& call);
HttpResponse CompletePresignMultipartUpload(const Call& call);
HttpResponse AbortPresignMultipartUpload(const Call& call);

}  // namespace lakefs::gateway::testing

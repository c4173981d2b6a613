import {
  DiscardUploadRequest,
  DiscardUploadResponse,
  GetPhysicalAddressRequest,
  GetPhysicalAddressResponse,
  GetUploadOutcomeRequest,
  GetUploadOutcomeResponse,
  LinkPhysicalAddressRequest,
  LinkPhysicalAddressResponse,
  UploadAndLinkRequest,
  UploadAndLinkResponse,
  UploadFileRequest,
  UploadManyRequest,
  UploadManyResponse,
  UploadObjectRequest,
  UploadObjectResponse,
} from './generated/lakefs_staging/v1/staging.js';
import type { MessageFns } from './generated/lakefs_staging/v1/staging.js';

/** One method of the service, as gRPC wants it. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly serialize: (request: Request) => Buffer;
  readonly deserialize: (bytes: Buffer) => Response;
}

/** A message that is serialized already goes as it is. */
function method<Request, Response>(
  name: string,
  request: MessageFns<Request>,
  response: MessageFns<Response>,
): Method<Request | Buffer, Response> {
  return {
    path: `/lakefs.staging.v1.Staging/${name}`,
    serialize(message) {
      if (Buffer.isBuffer(message)) return message;
      const bytes = request.encode(message).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    deserialize: (bytes) => response.decode(bytes),
  };
}

/** The methods of `lakefs.staging.v1.Staging`. */
export const staging = {
  getPhysicalAddress: method(
    'GetPhysicalAddress',
    GetPhysicalAddressRequest,
    GetPhysicalAddressResponse,
  ),
  linkPhysicalAddress: method(
    'LinkPhysicalAddress',
    LinkPhysicalAddressRequest,
    LinkPhysicalAddressResponse,
  ),
  uploadAndLink: method('UploadAndLink', UploadAndLinkRequest, UploadAndLinkResponse),
  uploadFile: method('UploadFile', UploadFileRequest, UploadAndLinkResponse),
  uploadObject: method('UploadObject', UploadObjectRequest, UploadObjectResponse),
  uploadMany: method('UploadMany', UploadManyRequest, UploadManyResponse),
  getUploadOutcome: method(
    'GetUploadOutcome',
    GetUploadOutcomeRequest,
    GetUploadOutcomeResponse,
  ),
  discardUpload: method('DiscardUpload', DiscardUploadRequest, DiscardUploadResponse),
};

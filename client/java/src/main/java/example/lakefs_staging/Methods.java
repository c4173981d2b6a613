package example.lakefs_staging;

import com.google.protobuf.Message;
import example.lakefs_staging.v1.DiscardUploadRequest;
import example.lakefs_staging.v1.DiscardUploadResponse;
import example.lakefs_staging.v1.GetPhysicalAddressRequest;
import example.lakefs_staging.v1.GetPhysicalAddressResponse;
import example.lakefs_staging.v1.GetUploadOutcomeRequest;
import example.lakefs_staging.v1.GetUploadOutcomeResponse;
import example.lakefs_staging.v1.LinkPhysicalAddressRequest;
import example.lakefs_staging.v1.LinkPhysicalAddressResponse;
import example.lakefs_staging.v1.UploadAndLinkRequest;
import example.lakefs_staging.v1.UploadAndLinkResponse;
import example.lakefs_staging.v1.UploadFileRequest;
import example.lakefs_staging.v1.UploadManyRequest;
import example.lakefs_staging.v1.UploadManyResponse;
import example.lakefs_staging.v1.UploadObjectRequest;
import example.lakefs_staging.v1.UploadObjectResponse;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.protobuf.ProtoUtils;

/** The calls of the service lakefs.staging.v1.Staging. */
final class Methods {
  static final String SERVICE = "lakefs.staging.v1.Staging";

  static final MethodDescriptor<GetPhysicalAddressRequest, GetPhysicalAddressResponse>
      GET_PHYSICAL_ADDRESS =
          method(
              "GetPhysicalAddress",
              MethodType.UNARY,
              GetPhysicalAddressRequest.getDefaultInstance(),
              GetPhysicalAddressResponse.getDefaultInstance());
  static final MethodDescriptor<LinkPhysicalAddressRequest, LinkPhysicalAddressResponse>
      LINK_PHYSICAL_ADDRESS =
          method(
              "LinkPhysicalAddress",
              MethodType.UNARY,
              LinkPhysicalAddressRequest.getDefaultInstance(),
              LinkPhysicalAddressResponse.getDefaultInstance());
  static final MethodDescriptor<UploadAndLinkRequest, UploadAndLinkResponse> UPLOAD_AND_LINK =
      method(
          "UploadAndLink",
          MethodType.BIDI_STREAMING,
          UploadAndLinkRequest.getDefaultInstance(),
          UploadAndLinkResponse.getDefaultInstance());
  static final MethodDescriptor<UploadFileRequest, UploadAndLinkResponse> UPLOAD_FILE =
      method(
          "UploadFile",
          MethodType.SERVER_STREAMING,
          UploadFileRequest.getDefaultInstance(),
          UploadAndLinkResponse.getDefaultInstance());
  static final MethodDescriptor<UploadObjectRequest, UploadObjectResponse> UPLOAD_OBJECT =
      method(
          "UploadObject",
          MethodType.UNARY,
          UploadObjectRequest.getDefaultInstance(),
          UploadObjectResponse.getDefaultInstance());
  static final MethodDescriptor<UploadManyRequest, UploadManyResponse> UPLOAD_MANY =
      method(
          "UploadMany",
          MethodType.BIDI_STREAMING,
          UploadManyRequest.getDefaultInstance(),
          UploadManyResponse.getDefaultInstance());
  static final MethodDescriptor<GetUploadOutcomeRequest, GetUploadOutcomeResponse>
      GET_UPLOAD_OUTCOME =
          method(
              "GetUploadOutcome",
              MethodType.UNARY,
              GetUploadOutcomeRequest.getDefaultInstance(),
              GetUploadOutcomeResponse.getDefaultInstance());
  static final MethodDescriptor<DiscardUploadRequest, DiscardUploadResponse> DISCARD_UPLOAD =
      method(
          "DiscardUpload",
          MethodType.UNARY,
          DiscardUploadRequest.getDefaultInstance(),
          DiscardUploadResponse.getDefaultInstance());

  private Methods() {}

  private static <Q extends Message, R extends Message> MethodDescriptor<Q, R> method(
      String name, MethodType type, Q request, R response) {
    return MethodDescriptor.<Q, R>newBuilder()
        .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, name))
        .setType(type)
        .setRequestMarshaller(ProtoUtils.marshaller(request))
        .setResponseMarshaller(ProtoUtils.marshaller(response))
        .build();
  }
}

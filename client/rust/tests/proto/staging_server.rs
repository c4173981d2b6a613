// Generated from the .proto files by `cargo run -p xtask`.
/// Generated server implementations.
pub mod staging_server {
    #![allow(
        unused_variables,
        dead_code,
        missing_docs,
        clippy::wildcard_imports,
        clippy::let_unit_value,
    )]
    use tonic::codegen::*;
    /// Generated trait containing gRPC methods that should be implemented for use with StagingServer.
    #[async_trait]
    pub trait Staging: std::marker::Send + std::marker::Sync + 'static {
        /// Asks lakeFS for a physical address to put an object at
        /// (lakeFS: getPhysicalAddress). Changes nothing that a reader can see.
        ///
        /// Errors: NOT_FOUND with a `google.rpc.ResourceInfo` where the repository or
        /// (on releases that look) the branch is missing; UNIMPLEMENTED,
        /// UPSTREAM_UNIMPLEMENTED where a presigned URL was asked for and the store
        /// cannot presign; and those of every call: INVALID_ARGUMENT with
        /// `google.rpc.BadRequest`, UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE
        /// and RESOURCE_EXHAUSTED with `google.rpc.RetryInfo`.
        async fn get_physical_address(
            &self,
            request: tonic::Request<super::GetPhysicalAddressRequest>,
        ) -> std::result::Result<
            tonic::Response<super::GetPhysicalAddressResponse>,
            tonic::Status,
        >;
        /// Links a physical address that already holds the object's bytes to a path
        /// (lakeFS: linkPhysicalAddress), and finds out what became of it when the
        /// answer was lost, ambiguous or false.
        ///
        /// lakeFS does not look whether the bytes are there, nor whether `size_bytes`
        /// and `checksum` are right: a wrong size links and breaks every reader.
        ///
        /// Errors: ABORTED, LINK_CONFLICT where the object has to be put at a new
        /// address (a `StagingLocation` among the details if lakeFS named one, without
        /// its presigned_url where that does not fit into trailers);
        /// FAILED_PRECONDITION, LINK_ADDRESS_EXPIRED; ALREADY_EXISTS, OBJECT_EXISTS
        /// with if_absent; ABORTED, OBJECT_CHANGED with if_match; UNKNOWN,
        /// OUTCOME_UNKNOWN where it could not be found out.
        /// All of them carry an `UploadFailure`.
        async fn link_physical_address(
            &self,
            request: tonic::Request<super::LinkPhysicalAddressRequest>,
        ) -> std::result::Result<
            tonic::Response<super::LinkPhysicalAddressResponse>,
            tonic::Status,
        >;
        /// Server streaming response type for the UploadAndLink method.
        type UploadAndLinkStream: tonic::codegen::tokio_stream::Stream<
                Item = std::result::Result<super::UploadAndLinkResponse, tonic::Status>,
            >
            + std::marker::Send
            + 'static;
        /// Uploads an object of any size, links it, and repeats what has to be
        /// repeated, until the outcome is known.
        ///
        /// The client sends exactly one `header`, then any number of `chunk`, then
        /// exactly one `finish`, and half-closes (with can_rewind only when it has its
        /// result, since it may be asked to send again). The server sends exactly one
        /// `result` as its last message; before it `progress`, `rewind` and
        /// `checkpoint` only where the header asked for them.
        ///
        /// A half-close without `finish` discards the upload: a producer that died
        /// never links a truncated object.
        ///
        /// An upload can outlive its caller and its gateway: with `header.resumable`
        /// the server sends `checkpoint`s, and a later call with the token of one, to
        /// any gateway that has the same --resume-key-file, goes on from there.
        ///
        /// Errors carry an `UploadFailure`, which says what is known of the outcome
        /// and what to do next. A token that cannot be gone on with is
        /// PERMISSION_DENIED, RESUME_REFUSED (of another key, header, lakeFS or caller)
        /// or FAILED_PRECONDITION, RESUME_EXPIRED (too old, or the store has the parts
        /// no more): call without it then, and send all bytes.
        async fn upload_and_link(
            &self,
            request: tonic::Request<tonic::Streaming<super::UploadAndLinkRequest>>,
        ) -> std::result::Result<
            tonic::Response<Self::UploadAndLinkStream>,
            tonic::Status,
        >;
        /// Server streaming response type for the UploadFile method.
        type UploadFileStream: tonic::codegen::tokio_stream::Stream<
                Item = std::result::Result<super::UploadAndLinkResponse, tonic::Status>,
            >
            + std::marker::Send
            + 'static;
        /// The same as UploadAndLink for an object that is a file on a volume which
        /// the caller shares with the gateway: the bytes are read from there, as often
        /// as they are needed, and are not sent. The way that costs least for large
        /// objects, and the only one that needs no spool where one PUT has to do.
        ///
        /// Off unless the gateway was given folders by --source-root, else
        /// UNIMPLEMENTED, SOURCE_REFUSED. Only regular files in these folders are
        /// taken. The gateway has to be allowed to read the file; so has its caller,
        /// by the mode and the access list of the file and of each folder on the way.
        /// Who that is, the kernel tells on a unix socket; by TCP nobody does, and the
        /// file has to be readable for everybody.
        ///
        /// The file must stay as it is until the call ends: if its size, a time of it,
        /// or the file of that name changes, the call ends with ABORTED,
        /// SOURCE_CHANGED, and nothing is linked. What is written through a memory map
        /// may show too late; give `crc32c` if that can be.
        ///
        /// The server sends exactly one `result` as its last message; before it
        /// `progress` only where the header asked for it.
        ///
        /// Errors carry an `UploadFailure`. Beside those of UploadAndLink:
        /// PERMISSION_DENIED, SOURCE_REFUSED for a file that is in no such folder, is
        /// a link, a FIFO or a device, or may not be read; NOT_FOUND, SOURCE_REFUSED
        /// where there is none.
        async fn upload_file(
            &self,
            request: tonic::Request<super::UploadFileRequest>,
        ) -> std::result::Result<tonic::Response<Self::UploadFileStream>, tonic::Status>;
        /// The same as UploadAndLink for an object of at most 4 MiB, in one message:
        /// the simplest call, and the fastest for small objects.
        async fn upload_object(
            &self,
            request: tonic::Request<super::UploadObjectRequest>,
        ) -> std::result::Result<
            tonic::Response<super::UploadObjectResponse>,
            tonic::Status,
        >;
        /// Server streaming response type for the UploadMany method.
        type UploadManyStream: tonic::codegen::tokio_stream::Stream<
                Item = std::result::Result<super::UploadManyResponse, tonic::Status>,
            >
            + std::marker::Send
            + 'static;
        /// The same as UploadObject for any number of objects on one stream: the way
        /// that costs least for each.
        ///
        /// Each request is an object of its own, each response what became of one of
        /// them: its result, or the status that a call of its own would have ended
        /// with. One that fails ends nothing else.
        ///
        /// Order: objects are under way at the same time, up to 64 of a stream, and
        /// are answered as they are ready, in any order. Who writes two to the same
        /// path waits for the answer to the first before sending the second.
        ///
        /// Back-pressure: the gateway reads the next object when the one before has
        /// its memory and a thread, and not while 64 are unanswered; so it holds the
        /// caller up and does not refuse what is too much of one stream. Streams take
        /// turns. Answers have to be read while objects are sent: who does not read
        /// them is soon not read either.
        ///
        /// End: a half-close lets all that was sent finish; when the last answer has
        /// been sent the stream ends with OK, also if objects failed. A cancellation
        /// or the deadline of the stream cancels each object under way; what is then
        /// known of it GetUploadOutcome tells, by its request_id. The deadline holds
        /// for the stream; one object has at most as long as a call of UploadObject
        /// that comes without a deadline (--unary-timeout, 60 s by default).
        ///
        /// Errors of the stream: UNAVAILABLE, DRAINING when the gateway shuts down;
        /// INVALID_ARGUMENT, BAD_FRAME_ORDER for an id that is in use;
        /// PERMISSION_DENIED for a caller that may write nowhere. They come when all
        /// that was begun has been answered, so that an object without an answer was
        /// not begun. After any end without an `ErrorInfo` (a lost connection, a
        /// cancellation, the caller's deadline) its outcome is unknown.
        async fn upload_many(
            &self,
            request: tonic::Request<tonic::Streaming<super::UploadManyRequest>>,
        ) -> std::result::Result<tonic::Response<Self::UploadManyStream>, tonic::Status>;
        /// Tells what became of an earlier upload, by any of the calls, with this
        /// request_id, also after its caller or the gateway died: from the gateway's
        /// memory, else by the mark that the upload left on the object at its path.
        /// An outcome that was UNKNOWN is looked for again.
        ///
        /// Errors: NOT_FOUND where nothing is known of this request_id: the upload
        /// never began, or failed, or runs on another replica, or its object has been
        /// replaced; and those of every call.
        async fn get_upload_outcome(
            &self,
            request: tonic::Request<super::GetUploadOutcomeRequest>,
        ) -> std::result::Result<
            tonic::Response<super::GetUploadOutcomeResponse>,
            tonic::Status,
        >;
        /// Drops what the store holds of an upload that nobody is going to go on with.
        /// OK also if there is nothing any more; an object that was linked stays.
        ///
        /// Without it a rule of the bucket (AbortIncompleteMultipartUpload) removes
        /// the parts.
        ///
        /// Errors: PERMISSION_DENIED, RESUME_REFUSED as for UploadAndLink, whatever the
        /// header was; and those of every call.
        async fn discard_upload(
            &self,
            request: tonic::Request<super::DiscardUploadRequest>,
        ) -> std::result::Result<
            tonic::Response<super::DiscardUploadResponse>,
            tonic::Status,
        >;
    }
    /// Writes objects to lakeFS without sending their bytes through lakeFS.
    ///
    /// Limits that hold for every call: a message is at most 4 MiB and a little
    /// framing (16 KiB); a call without a deadline gets the gateway's default.
    #[derive(Debug)]
    pub struct StagingServer<T> {
        inner: Arc<T>,
        accept_compression_encodings: EnabledCompressionEncodings,
        send_compression_encodings: EnabledCompressionEncodings,
        max_decoding_message_size: Option<usize>,
        max_encoding_message_size: Option<usize>,
    }
    impl<T> StagingServer<T> {
        pub fn new(inner: T) -> Self {
            Self::from_arc(Arc::new(inner))
        }
        pub fn from_arc(inner: Arc<T>) -> Self {
            Self {
                inner,
                accept_compression_encodings: Default::default(),
                send_compression_encodings: Default::default(),
                max_decoding_message_size: None,
                max_encoding_message_size: None,
            }
        }
        pub fn with_interceptor<F>(
            inner: T,
            interceptor: F,
        ) -> InterceptedService<Self, F>
        where
            F: tonic::service::Interceptor,
        {
            InterceptedService::new(Self::new(inner), interceptor)
        }
        /// Enable decompressing requests with the given encoding.
        #[must_use]
        pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.accept_compression_encodings.enable(encoding);
            self
        }
        /// Compress responses with the given encoding, if the client supports it.
        #[must_use]
        pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.send_compression_encodings.enable(encoding);
            self
        }
        /// Limits the maximum size of a decoded message.
        ///
        /// Default: `4MB`
        #[must_use]
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.max_decoding_message_size = Some(limit);
            self
        }
        /// Limits the maximum size of an encoded message.
        ///
        /// Default: `usize::MAX`
        #[must_use]
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.max_encoding_message_size = Some(limit);
            self
        }
    }
    impl<T, B> tonic::codegen::Service<http::Request<B>> for StagingServer<T>
    where
        T: Staging,
        B: Body + std::marker::Send + 'static,
        B::Error: Into<StdError> + std::marker::Send + 'static,
    {
        type Response = http::Response<tonic::body::Body>;
        type Error = std::convert::Infallible;
        type Future = BoxFuture<Self::Response, Self::Error>;
        fn poll_ready(
            &mut self,
            _cx: &mut Context<'_>,
        ) -> Poll<std::result::Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, req: http::Request<B>) -> Self::Future {
            match req.uri().path() {
                "/lakefs.staging.v1.Staging/GetPhysicalAddress" => {
                    #[allow(non_camel_case_types)]
                    struct GetPhysicalAddressSvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::UnaryService<super::GetPhysicalAddressRequest>
                    for GetPhysicalAddressSvc<T> {
                        type Response = super::GetPhysicalAddressResponse;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::GetPhysicalAddressRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::get_physical_address(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = GetPhysicalAddressSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/lakefs.staging.v1.Staging/LinkPhysicalAddress" => {
                    #[allow(non_camel_case_types)]
                    struct LinkPhysicalAddressSvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::UnaryService<super::LinkPhysicalAddressRequest>
                    for LinkPhysicalAddressSvc<T> {
                        type Response = super::LinkPhysicalAddressResponse;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::LinkPhysicalAddressRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::link_physical_address(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = LinkPhysicalAddressSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/lakefs.staging.v1.Staging/UploadAndLink" => {
                    #[allow(non_camel_case_types)]
                    struct UploadAndLinkSvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::StreamingService<super::UploadAndLinkRequest>
                    for UploadAndLinkSvc<T> {
                        type Response = super::UploadAndLinkResponse;
                        type ResponseStream = T::UploadAndLinkStream;
                        type Future = BoxFuture<
                            tonic::Response<Self::ResponseStream>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<
                                tonic::Streaming<super::UploadAndLinkRequest>,
                            >,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::upload_and_link(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = UploadAndLinkSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.streaming(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/lakefs.staging.v1.Staging/UploadFile" => {
                    #[allow(non_camel_case_types)]
                    struct UploadFileSvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::ServerStreamingService<super::UploadFileRequest>
                    for UploadFileSvc<T> {
                        type Response = super::UploadAndLinkResponse;
                        type ResponseStream = T::UploadFileStream;
                        type Future = BoxFuture<
                            tonic::Response<Self::ResponseStream>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::UploadFileRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::upload_file(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = UploadFileSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.server_streaming(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/lakefs.staging.v1.Staging/UploadObject" => {
                    #[allow(non_camel_case_types)]
                    struct UploadObjectSvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::UnaryService<super::UploadObjectRequest>
                    for UploadObjectSvc<T> {
                        type Response = super::UploadObjectResponse;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::UploadObjectRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::upload_object(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = UploadObjectSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/lakefs.staging.v1.Staging/UploadMany" => {
                    #[allow(non_camel_case_types)]
                    struct UploadManySvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::StreamingService<super::UploadManyRequest>
                    for UploadManySvc<T> {
                        type Response = super::UploadManyResponse;
                        type ResponseStream = T::UploadManyStream;
                        type Future = BoxFuture<
                            tonic::Response<Self::ResponseStream>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<
                                tonic::Streaming<super::UploadManyRequest>,
                            >,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::upload_many(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = UploadManySvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.streaming(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/lakefs.staging.v1.Staging/GetUploadOutcome" => {
                    #[allow(non_camel_case_types)]
                    struct GetUploadOutcomeSvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::UnaryService<super::GetUploadOutcomeRequest>
                    for GetUploadOutcomeSvc<T> {
                        type Response = super::GetUploadOutcomeResponse;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::GetUploadOutcomeRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::get_upload_outcome(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = GetUploadOutcomeSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/lakefs.staging.v1.Staging/DiscardUpload" => {
                    #[allow(non_camel_case_types)]
                    struct DiscardUploadSvc<T: Staging>(pub Arc<T>);
                    impl<
                        T: Staging,
                    > tonic::server::UnaryService<super::DiscardUploadRequest>
                    for DiscardUploadSvc<T> {
                        type Response = super::DiscardUploadResponse;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::DiscardUploadRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Staging>::discard_upload(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = DiscardUploadSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                _ => {
                    Box::pin(async move {
                        let mut response = http::Response::new(
                            tonic::body::Body::default(),
                        );
                        let headers = response.headers_mut();
                        headers
                            .insert(
                                tonic::Status::GRPC_STATUS,
                                (tonic::Code::Unimplemented as i32).into(),
                            );
                        headers
                            .insert(
                                http::header::CONTENT_TYPE,
                                tonic::metadata::GRPC_CONTENT_TYPE,
                            );
                        Ok(response)
                    })
                }
            }
        }
    }
    impl<T> Clone for StagingServer<T> {
        fn clone(&self) -> Self {
            let inner = self.inner.clone();
            Self {
                inner,
                accept_compression_encodings: self.accept_compression_encodings,
                send_compression_encodings: self.send_compression_encodings,
                max_decoding_message_size: self.max_decoding_message_size,
                max_encoding_message_size: self.max_encoding_message_size,
            }
        }
    }
    /// Generated gRPC service name
    pub const SERVICE_NAME: &str = "lakefs.staging.v1.Staging";
    impl<T> tonic::server::NamedService for StagingServer<T> {
        const NAME: &'static str = SERVICE_NAME;
    }
}

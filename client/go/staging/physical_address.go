package staging

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"lakefs-staging.example/go/stagingv1"
)

// StagingLocation is a place to put an object at. Hand it back unchanged to
// LinkPhysicalAddress.
type StagingLocation struct {
	// PhysicalAddress is the object's address in its store, such as
	// "s3://bucket/data/x".
	PhysicalAddress string

	// Token that old releases of lakeFS want back; nil if there is none.
	Token *string

	// PresignedURL is for one PUT of the bytes; nil if there is none. A secret.
	PresignedURL *string

	// PresignedURLExpiry is when PresignedURL stops to work; zero where lakeFS
	// does not tell.
	PresignedURLExpiry time.Time
}

// String returns the address, and no secrets.
func (l StagingLocation) String() string { return l.PhysicalAddress }

// GoString returns the address, and no secrets.
func (l StagingLocation) GoString() string {
	return fmt.Sprintf("staging.StagingLocation{PhysicalAddress: %q, …}", l.PhysicalAddress)
}

// StagingMetadata is what is linked, beside the options.
type StagingMetadata struct {
	// Staging is what GetPhysicalAddress returned.
	Staging StagingLocation

	// Checksum of the bytes, best the store's ETag without quotes.
	Checksum string

	// SizeBytes must be right: a wrong size links and breaks every reader.
	SizeBytes int64
}

// GetPhysicalAddress asks lakeFS for an address to put the object's bytes at,
// with a presigned URL if presign. It changes nothing that a reader can see.
//
// Errors: ErrNotFound where the repository or the branch is missing.
//
// Blocking: until the gateway answers or ctx ends. It is asked once.
func (c *Client) GetPhysicalAddress(ctx context.Context, target string, presign bool) (*StagingLocation, error) {
	object, invalid := parseTarget(target)
	if invalid != nil {
		return nil, invalid
	}
	answer, err := plainCall[stagingv1.GetPhysicalAddressResponse](ctx, c, methodGetPhysicalAddress,
		&stagingv1.GetPhysicalAddressRequest{Object: object, Presign: presign}, OutcomeUnspecified)
	if err != nil {
		return nil, err
	}
	location := &StagingLocation{
		PhysicalAddress: answer.GetLocation().GetPhysicalAddress(),
		Token:           answer.GetLocation().Token,
		PresignedURL:    answer.GetLocation().PresignedUrl,
	}
	if expiry := answer.GetLocation().GetPresignedUrlExpiry(); expiry != nil {
		location.PresignedURLExpiry = expiry.AsTime()
	}
	return location, nil
}

// LinkPhysicalAddress links bytes that are already at metadata.Staging to target.
// Its options are ContentType, UserMetadata, MTime, Force, IfAbsent and IfMatch.
// The result has Object and Outcome.
//
// Errors: as of Upload; the reason LINK_CONFLICT where the bytes have to be put
// at a new address. Without a request id a call whose answer was lost has the
// outcome OutcomeUnknown.
//
// Blocking: until the gateway answers or ctx ends. It is asked once.
func (c *Client) LinkPhysicalAddress(ctx context.Context, target string, metadata StagingMetadata, opts ...UploadOption) (*Result, error) {
	u, invalid := c.newUpload(target, append(opts[:len(opts):len(opts)], RequestID("")))
	if invalid != nil {
		return nil, invalid
	}
	if !utf8.ValidString(metadata.Checksum) || !utf8.ValidString(metadata.Staging.PhysicalAddress) {
		return nil, invalidRequest("the checksum or the physical address is not UTF-8")
	}
	answer, err := plainCall[stagingv1.LinkPhysicalAddressResponse](
		ctx, c, methodLinkPhysicalAddress, linkRequest(u.header, metadata), OutcomeUnknown)
	if err != nil {
		err.Target = target
		return nil, err
	}
	return &Result{
		Object:   objectStats(answer.GetObject()),
		Outcome:  Outcome(answer.GetOutcome()),
		Attempts: 1,
	}, nil
}

func linkRequest(h *stagingv1.UploadHeader, m StagingMetadata) *stagingv1.LinkPhysicalAddressRequest {
	location := &stagingv1.StagingLocation{
		PhysicalAddress: m.Staging.PhysicalAddress,
		Token:           m.Staging.Token,
		PresignedUrl:    m.Staging.PresignedURL,
	}
	if !m.Staging.PresignedURLExpiry.IsZero() {
		location.PresignedUrlExpiry = timestamppb.New(m.Staging.PresignedURLExpiry)
	}
	return &stagingv1.LinkPhysicalAddressRequest{
		Object: h.GetObject(),
		Metadata: &stagingv1.StagingMetadata{
			Staging:      location,
			Checksum:     m.Checksum,
			SizeBytes:    m.SizeBytes,
			UserMetadata: h.GetUserMetadata(),
			ContentType:  h.GetContentType(),
			Mtime:        h.GetMtime(),
			Force:        h.GetForce(),
		},
		IfAbsent: h.GetIfAbsent(),
		IfMatch:  h.IfMatch,
	}
}

// Discard drops what the store holds of an upload that nobody is going to go on
// with, by the token of any of its checkpoints. It is no error if there is
// nothing any more; an object that was linked stays.
//
// Blocking: until the gateway answers or ctx ends. It is asked once.
func (c *Client) Discard(ctx context.Context, resumeToken []byte) error {
	_, err := plainCall[stagingv1.DiscardUploadResponse](ctx, c, methodDiscardUpload,
		&stagingv1.DiscardUploadRequest{ResumeToken: resumeToken}, OutcomeUnspecified)
	if err != nil {
		return err
	}
	return nil
}

// Package stagingv1 has the messages of the service lakefs.staging.v1, as
// generated from its .proto. Package staging makes the calls.
package stagingv1

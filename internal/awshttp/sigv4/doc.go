// Package sigv4 checks signatures of AWS Signature Version 4, in the header
// Authorization and in presigned queries.
//
// It works from the raw request line. The canonical URI is the escaped path
// escaped once more (%3A becomes %253A), which is what all clients of services
// other than S3 sign; so nothing may clean or unescape the path before.
//
// The body's hash is always computed and never taken from a header: a changed
// body is a wrong signature.
package sigv4

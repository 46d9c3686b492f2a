package api

import (
	"fmt"
	"time"
)

// Code is the kind of an Error. Exception names, HTTP statuses and the Code
// member of bodies follow from it and from the service
// (operations spec section 4).
type Code uint8

// The codes. The zero value is ServiceFailure, so that a forgotten code is
// nobody's fault but ours.
const (
	ServiceFailure Code = iota
	BadRequest          // a rule of meaning is broken
	Validation          // a rule of the model is broken
	Forbidden
	AccessDenied
	Unauthorized
	NotFound
	ResourceNotFound // tags of chime-sdk-meetings; set Error.Resource
	Conflict
	Gone
	LimitExceeded
	TooManyTags // tags of chime-sdk-meetings; set Error.Resource
	Unprocessable
	Throttled
	ServiceUnavailable // set Error.RetryAfter
	NotImplemented     // the operation is not built
	Serialization      // the request is not what its operation can read
	UnknownOperation   // no such path
	MethodNotAllowed
	TooLarge

	// Failures in front of the operation, as AWS's gateway names them.
	InvalidSignature
	IncompleteSignature
	MissingAuthenticationToken
	UnrecognizedClient
	ExpiredToken

	codeCount
)

// Error is a failure that the client is told about.
type Error struct {
	Code    Code
	Message string // for the client's user: what was wrong, with which value, what is allowed
	// Resource is the ARN for the member ResourceName, where the exception has it.
	Resource string
	// RetryAfter is when to try again, for ServiceUnavailable and Throttled; 0 says nothing.
	RetryAfter time.Duration
	// Err is the cause. It is logged and not told to the client.
	Err error
}

// Errorf returns an Error; format and args make its Message. If an argument is
// wrapped with %w, it is also the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Message: err.Error()}
	if w, ok := err.(interface{ Unwrap() error }); ok {
		e.Err = w.Unwrap()
	}
	return e
}

// Error implements error.
func (e *Error) Error() string { return e.Code.String() + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// String returns the short name of the code, such as "NotFound".
func (c Code) String() string { return codes[c%codeCount].short }

// Status returns the HTTP status of the code.
func (c Code) Status() int { return codes[c%codeCount].status }

// Exception returns the name of the exception in a service, such as
// "NotFoundException".
func (c Code) Exception(s Service) string {
	if s == ServiceMeetings && codes[c%codeCount].meetings != "" {
		return codes[c%codeCount].meetings + "Exception"
	}
	return codes[c%codeCount].exception + "Exception"
}

// Short returns the Code member of the error's body in a service.
func (c Code) Short(s Service) string {
	switch {
	case s == ServiceMeetings && codes[c%codeCount].meetings != "":
		return codes[c%codeCount].meetings
	case c == LimitExceeded:
		return "ResourceLimitExceeded"
	}
	return codes[c%codeCount].short
}

// codes: meetings is the spelling of chime-sdk-meetings where it has its own.
var codes = [codeCount]struct {
	short, exception, meetings string
	status                     int
}{
	ServiceFailure:     {"ServiceFailure", "ServiceFailure", "", 500},
	BadRequest:         {"BadRequest", "BadRequest", "", 400},
	Validation:         {"ValidationException", "Validation", "", 400},
	Forbidden:          {"Forbidden", "Forbidden", "", 403},
	AccessDenied:       {"AccessDenied", "AccessDenied", "", 403},
	Unauthorized:       {"Unauthorized", "UnauthorizedClient", "Unauthorized", 401},
	NotFound:           {"NotFound", "NotFound", "", 404},
	ResourceNotFound:   {"NotFound", "NotFound", "ResourceNotFound", 404},
	Conflict:           {"Conflict", "Conflict", "", 409},
	Gone:               {"Gone", "Gone", "", 410},
	LimitExceeded:      {"LimitExceeded", "ResourceLimitExceeded", "LimitExceeded", 400},
	TooManyTags:        {"BadRequest", "BadRequest", "TooManyTags", 400},
	Unprocessable:      {"Unprocessable", "UnprocessableEntity", "", 422},
	Throttled:          {"Throttled", "ThrottledClient", "Throttling", 429},
	ServiceUnavailable: {"ServiceUnavailable", "ServiceUnavailable", "", 503},
	NotImplemented:     {"NotImplemented", "NotImplemented", "", 501},
	Serialization:      {"SerializationException", "Serialization", "", 400},
	UnknownOperation:   {"UnknownOperationException", "UnknownOperation", "", 404},
	MethodNotAllowed:   {"MethodNotAllowed", "MethodNotAllowed", "", 405},
	TooLarge:           {"RequestEntityTooLarge", "RequestEntityTooLarge", "", 413},

	InvalidSignature:           {"InvalidSignatureException", "InvalidSignature", "", 403},
	IncompleteSignature:        {"IncompleteSignatureException", "IncompleteSignature", "", 403},
	MissingAuthenticationToken: {"MissingAuthenticationTokenException", "MissingAuthenticationToken", "", 403},
	UnrecognizedClient:         {"UnrecognizedClientException", "UnrecognizedClient", "", 403},
	ExpiredToken:               {"ExpiredTokenException", "ExpiredToken", "", 403},
}

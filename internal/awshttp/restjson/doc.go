// Package restjson turns HTTP requests of the protocol rest-json into typed
// inputs, holds them against the rules of their operation and writes typed
// outputs.
//
// It knows no operation: everything follows from the api package's tables. The
// way from a table to a Go struct is worked out once, by the first request of
// each kind (a plan), and used by all later ones.
package restjson

// Package api says what the AWS APIs of Amazon Chime look like: the shapes and
// operations of the six services that make up its developer surface, as typed
// Go values and as data.
//
// The zz_ files are generated from models/ (go generate ./api). They hold
//
//   - one Go struct for each structure, shared by the old chime namespace and
//     the newer services: a superset of their members. Scalars are pointers, so
//     that an absent value differs from a zero one;
//   - one value Op[In, Out] for each operation, shared by its twins. A domain
//     gives its handlers to a Registry with Handle; what nobody registered is
//     answered with 501;
//   - beside them, as static data, what differs between the services: route,
//     status and the rules that the input has to keep.
//
// Nothing is computed when a program starts: tables are laid out by the
// compiler, patterns are compiled by their first user.
package api

//go:generate go run ./gen

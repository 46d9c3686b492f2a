// Package awshttp speaks AWS's HTTP dialect: it tells which operation a
// request means and for which service, checks its signature, reads its input,
// asks whether the caller may do that, runs the registered handler and writes
// what it answers, or an error, as the client's SDK expects it.
//
// A request goes through these steps, each of which may end it:
//
//	CORS preflight → protocol, by the service of the credential scope →
//	route, by the escaped path → body, up to a limit → signature → rate →
//	decode → validate → authorize → handler → answer
//
// The protocols are rest-json (package restjson) for the services of the api
// package, and the query protocol with XML answers for services such as STS.
// What the operations are and what they mean is not known here.
package awshttp

// Package twcc builds transport-wide congestion control feedback: which packets of a sender arrived, and when.
//
// A sender numbers all its packets with the transport-wide sequence number header extension; the receiver reports
// arrivals a few times per second (draft-holmer-rmcat-transport-wide-cc-extensions-01), and the sender estimates its
// bandwidth from the spacing.
package twcc

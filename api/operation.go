package api

// Operation describes one operation: what its twins share, and one Endpoint
// for each service that has it. Operations are static data and must not be
// changed.
type Operation struct {
	Name      string     // unique; the newer service's name where twins differ
	Action    string     // for authorisation: "chime:CreateMeeting"
	Resources []Resource // what the operation touches; none means "*"
	Loose     *Shape     // rules for the input when the service is unknown: the looser of its twins'
	Endpoints []Endpoint // newer services first, the old namespace last
}

// Endpoint is an operation as one service has it.
type Endpoint struct {
	Service    Service
	Name       string // the operation's name in this service
	Method     string
	Path       string // template such as "/meetings/{MeetingId}/attendees"
	QueryKey   string // constant query pair that belongs to the route;
	QueryValue string // both empty if there is none
	Status     int    // of a success
	Current    bool   // not among the operations that the old namespace has lost
	Input      *Shape // rules for the input; nil if there is none
}

// Resource tells how to find the ARN of something that an operation touches.
type Resource struct {
	Field  string // a field of the input: its model name
	Prefix string // resource part in front of the field's value ("meeting/"); empty if the value is the ARN itself
}

// Op ties an operation to the types of its input and output.
// In is a generated struct or Empty, and so is Out.
type Op[In, Out any] struct{ operation *Operation }

// Operation returns the operation's description.
func (o Op[In, Out]) Operation() *Operation { return o.operation }

// Operations returns all operations of all services, sorted by name. Twins
// count once. The slice is the caller's, what it points to is shared.
func Operations() []*Operation { return append([]*Operation(nil), operations[:]...) }

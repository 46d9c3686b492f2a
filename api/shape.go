package api

// Kind is the type of a Shape.
type Kind uint8

// The kinds of shapes and their Go types as struct fields.
const (
	KindString    Kind = iota // *string
	KindInteger               // *int64
	KindFloat                 // *float64
	KindBoolean               // *bool
	KindTimestamp             // *Time
	KindStructure             // pointer to a generated struct
	KindList                  // slice of values
	KindMap                   // map[string] of values
)

// Location is the part of an HTTP message that carries a field.
type Location uint8

// The locations of a field.
const (
	InBody   Location = iota // member of the JSON object
	InPath                   // label of the path template
	InQuery                  // query parameter
	InHeader                 // header
)

// TimeFormat is the form of a timestamp on the wire.
type TimeFormat uint8

// The forms of timestamps (operations spec section 1).
const (
	ISO8601      TimeFormat = iota // "2024-01-02T03:04:05.678Z"
	EpochSeconds                   // 1704164645.678, a JSON number
)

// Also names a rule that a pattern cannot say.
type Also uint8

// The odd rules.
const (
	AlsoNothing      Also = iota
	NoFourInARow          // no character four times in a row (TenantId)
	NotReservedNames      // neither xn--… nor …-s3alias (S3BucketName)
)

// Quota marks a bound of a model that is really a quota: the validator asks
// the server's limits for it and takes the model's own number only when they
// have none.
type Quota uint8

// The bounds that are quotas.
const (
	NoQuota               Quota = iota
	QuotaMeetingAttendees       // attendees in CreateMeetingWithAttendees (items)
	QuotaBatchAttendees         // attendees in BatchCreateAttendee (items)
	QuotaExceptAttendees        // excluded attendees in BatchUpdateAttendeeCapabilitiesExcept (items)
	QuotaMaxCount               // MeetingFeatures.Attendee.MaxCount (attendees)
)

// Shape is the rule that a value of an input has to keep. Shapes are static
// data and must not be changed. They form a tree without cycles.
type Shape struct {
	Name      string
	Kind      Kind
	Sensitive bool // values are not repeated in messages and logs
	HasMin    bool
	HasMax    bool
	Also      Also
	Quota     Quota    // overrides Max when the limits say so
	Min, Max  float64  // characters of a string, items of a list or map, or the number itself
	Pattern   *Pattern // nil if any text will do
	Enum      []string // nil if any text will do
	Fields    []Field  // of a structure, in the model's order
	Elem      *Shape   // items of a list, values of a map
	Key       *Shape   // keys of a map
}

// Pattern is a regular expression over a whole string.
type Pattern struct {
	Source string   // as the model writes it and error messages quote it
	RE2    string   // with the same meaning, for package regexp; anchored
	Or     *Pattern // another pattern that will do as well, for rules merged from twins
}

// Field is a member of a structure.
type Field struct {
	Name      string // the model's, which is also the JSON name
	Go        string // name of the Go struct's field
	Wire      string // name of the label, parameter or header; empty in the body
	In        Location
	Time      TimeFormat // for timestamps
	Required  bool
	Token     bool // idempotency token: clients fill it in
	Sensitive bool
	Shape     *Shape
}

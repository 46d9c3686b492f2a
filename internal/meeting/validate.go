package meeting

import (
	"regexp"
	"strings"

	"github.com/carillon-rtc/carillon/api"
)

// externalID is the newer namespace's rule for ExternalMeetingId and
// ExternalUserId, which its model does not have (meetings spec section 2).
const externalID = `[-_&@+=,(){}\[\]\/«».:|'"#a-zA-Z0-9À-ÿ\s]*`

var externalIDs = regexp.MustCompile(`^(?:` + externalID + `)$`)

// checkExternalID holds the rules that came in 2023 with the newer namespace.
// The older one knows only a length. Where the namespace is a guess, the looser
// rule holds, but for the reserved prefix.
func checkExternalID(call *api.Call, parameter, value string) error {
	legacy := call.ServiceKnown && call.Service == api.ServiceChime
	if !legacy && len(value) >= 4 && strings.EqualFold(value[:4], "aws:") {
		return api.Errorf(api.BadRequest, "%s must not begin with the reserved prefix aws:", parameter)
	}
	if call.ServiceKnown && !legacy && !externalIDs.MatchString(value) {
		return api.Errorf(api.Validation,
			"1 validation error detected: Value at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s",
			parameter, externalID)
	}
	return nil
}

// checkNotifications holds the rules of events spec section 4.2: the targets
// are of the right kind, not FIFO, and in the region of the meeting.
func checkNotifications(call *api.Call, n *api.NotificationsConfiguration) error {
	if n == nil {
		return nil
	}
	for _, t := range []struct {
		parameter, service string
		arn                *string
	}{
		{"SqsQueueArn", "sqs", n.SqsQueueArn},
		{"SnsTopicArn", "sns", n.SnsTopicArn},
		{"LambdaFunctionArn", "lambda", n.LambdaFunctionArn},
	} {
		if t.arn == nil {
			continue
		}
		arn, ok := api.ParseARN(*t.arn)
		switch {
		case !ok || arn.Service != t.service:
			return api.Errorf(api.BadRequest, "NotificationsConfiguration.%s %q is not the ARN of a resource of %s", t.parameter, *t.arn, t.service)
		case strings.HasSuffix(*t.arn, ".fifo"):
			return api.Errorf(api.BadRequest, "NotificationsConfiguration.%s %q: FIFO is not supported", t.parameter, *t.arn)
		case !targetRegion(call, arn.Region):
			return api.Errorf(api.BadRequest, "NotificationsConfiguration.%s %q must be in the region %s, where the meeting is created",
				t.parameter, *t.arn, controlRegion(call))
		}
	}
	return nil
}

// controlRegion is the region of a call's API: the older namespace was in
// us-east-1 only.
func controlRegion(call *api.Call) string {
	if call.Region == "" || call.ServiceKnown && call.Service == api.ServiceChime {
		return defaultMediaRegion
	}
	return call.Region
}

func targetRegion(call *api.Call, region string) bool {
	return region == controlRegion(call) || !call.ServiceKnown && region == defaultMediaRegion
}

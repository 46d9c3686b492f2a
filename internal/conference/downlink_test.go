package conference

import "testing"

func TestDownlink(t *testing.T) {
	var d downlink
	var now int64
	for _, step := range []struct {
		name        string
		loss, sent  uint32
		old         bool // no new report since
		want, times uint32
	}{
		{"begins as clients do", 0, 0, true, 2800, 3},
		{"does not grow untried", 0, 300, false, 2800, 9},
		{"grows when used", 0, 2500, false, 3500, 1},
		{"to twice of what is used", 0, 2500, false, 5000, 9},
		{"some loss changes nothing", 12, 2500, false, 5000, 3},
		{"much loss falls below what is sent", 128, 2000, false, 1500, 1},
		{"each report counts once", 128, 2000, true, 1500, 5},
		{"recovers", 0, 100, false, 2800, 9},
		{"is never nothing", 255, 0, false, downlinkLowest, 9},
		{"is never more than clients use", 0, 1e6, false, downlinkHighest, 50},
		{"and stays when less is sent", 0, 10, false, downlinkHighest, 3},
	} {
		var got uint32
		for range step.times {
			if !step.old {
				now++
			}
			got = d.judge(step.loss, now, step.sent)
		}
		if got != step.want {
			t.Errorf("%s: %d kbit/s, want %d", step.name, got, step.want)
		}
	}
}

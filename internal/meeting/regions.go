package meeting

import (
	"slices"
	"strings"

	"github.com/carillon-rtc/carillon/api"
)

// defaultMediaRegion is where the chime namespace put meetings by default, and
// where clients turn when they cannot find the nearest region.
const defaultMediaRegion = "us-east-1"

// MediaRegions returns the names of all media regions (meetings spec section
// 10). One machine serves all of them: a region is a label here.
func MediaRegions() []string {
	return []string{
		"us-east-2", "us-east-1", "us-west-1", "us-west-2", "af-south-1", "ap-south-1", "ap-northeast-2",
		"ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ca-central-1", "eu-central-1", "eu-west-1", "eu-west-2",
		"eu-south-1", "eu-west-3", "eu-north-1", "sa-east-1", "us-gov-east-1", "us-gov-west-1", "il-central-1",
	}
}

// IsMediaRegion tells whether name is one of [MediaRegions].
func IsMediaRegion(name string) bool { return slices.Contains(MediaRegions(), name) }

func checkMediaRegion(name string) error {
	if IsMediaRegion(name) {
		return nil
	}
	return api.Errorf(api.BadRequest, "MediaRegion %q is not supported; it must be one of %s", name, strings.Join(MediaRegions(), ", "))
}

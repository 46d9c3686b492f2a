package awshttp

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/awshttp/sigv4"
	"github.com/carillon-rtc/carillon/internal/iam"
)

// QueryService is a service of the query protocol: parameters in a form or the
// query, one of which is Action; answers in XML.
type QueryService struct {
	Name      string // for authorisation and the log, such as "sts"
	Namespace string // of its XML
	// Actions take the caller and the parameters, and return what
	// encoding/xml writes inside of the result element.
	Actions map[string]func(ctx context.Context, who iam.Principal, form url.Values) (any, error)
	// Open names the actions that everybody may call who has a key.
	Open map[string]bool
}

// STSNamespace is the XML namespace of the Security Token Service.
const STSNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

func (x *exchange) serveQuery(sig *sigv4.Signature) error {
	buf := x.h.buffer()
	defer x.h.buffers.Put(buf)
	who, err := x.authenticate(sig, buf)
	if err != nil {
		return err
	}
	form := x.r.URL.Query()
	if x.r.Method == http.MethodPost {
		posted, err := url.ParseQuery(string(*buf))
		if err != nil {
			return api.Errorf(api.Serialization, "The body is not a form: %v", err)
		}
		for k, v := range posted {
			form[k] = v
		}
	}
	name := form.Get("Action")
	action := x.xml.Actions[name]
	if action == nil {
		return api.Errorf(api.UnknownOperation, "Could not find operation %s for version %s", clip(name), clip(form.Get("Version")))
	}
	x.operation = x.xml.Name + ":" + name
	if !x.xml.Open[name] {
		if err := x.h.cfg.IAM.Authorize(x.r.Context(), who, x.operation, nil); err != nil {
			return &api.Error{Code: api.AccessDenied, Message: err.Error(), Err: err}
		}
	}
	result, err := action(x.r.Context(), who, form)
	if err != nil {
		return err
	}
	return x.answerQuery(name, result)
}

// answerQuery writes
//
//	<NameResponse xmlns="…"><NameResult>…</NameResult><ResponseMetadata><RequestId>…</RequestId></ResponseMetadata></NameResponse>
func (x *exchange) answerQuery(name string, result any) error {
	type wrapper struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Result    any
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}
	body, err := xml.Marshal(wrapper{XMLName: xml.Name{Local: name + "Response"}, Namespace: x.xml.Namespace, Result: element{name + "Result", result}, RequestID: x.id})
	if err != nil {
		return err
	}
	x.write(http.StatusOK, "text/xml", body)
	return nil
}

// element is any value under a name that is known at run time only.
type element struct {
	name  string
	value any
}

// MarshalXML implements xml.Marshaler.
func (e element) MarshalXML(enc *xml.Encoder, _ xml.StartElement) error {
	return enc.EncodeElement(e.value, xml.StartElement{Name: xml.Name{Local: e.name}})
}

// queryName is the name and status of an error in the query protocol.
func queryName(c api.Code) (name string, status int) {
	switch c {
	case api.InvalidSignature:
		return "SignatureDoesNotMatch", 403
	case api.UnrecognizedClient:
		return "InvalidClientTokenId", 403
	case api.MissingAuthenticationToken:
		return "MissingAuthenticationToken", 403
	case api.IncompleteSignature:
		return "IncompleteSignature", 400
	case api.ExpiredToken:
		return "ExpiredToken", 403
	case api.UnknownOperation:
		return "InvalidAction", 400
	case api.Validation, api.BadRequest:
		return "ValidationError", 400
	case api.Serialization:
		return "MalformedQueryString", 400
	case api.ServiceFailure:
		return "InternalFailure", 500
	}
	return c.String(), c.Status()
}

func (x *exchange) failQuery(e *api.Error) {
	type response struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Type      string   `xml:"Error>Type"`
		Code      string   `xml:"Error>Code"`
		Message   string   `xml:"Error>Message"`
		RequestID string   `xml:"RequestId"`
	}
	name, status := queryName(e.Code)
	who := "Sender"
	if status >= 500 {
		who = "Receiver"
	}
	body, err := xml.Marshal(response{Namespace: x.xml.Namespace, Type: who, Code: name, Message: e.Message, RequestID: x.id})
	if err != nil {
		body = nil // strings only; cannot happen
	}
	x.write(status, "text/xml", body)
}
